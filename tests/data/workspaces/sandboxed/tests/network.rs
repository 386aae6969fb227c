#[test]
fn asks_a_name_server() {
    std::net::TcpStream::connect("name.invalid:80").unwrap();
}

#[test]
fn asks_nobody() {}

compile_error!("this member is left out");

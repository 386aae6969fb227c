//! `almanac`: the Earth's longitude and distance on each tenth day of the year 2000.

use ephemeris::{planet, OBLIQUITY};

fn main() {
    let earth = planet("Earth").expect("the Earth is in every table");
    println!("# obliquity {OBLIQUITY:.6} degrees\nday,longitude,distance_au");
    for day in (0..366).step_by(10) {
        let (longitude, distance) = earth.position(f64::from(day));
        println!("{day},{longitude:.3},{distance:.5}");
    }
}

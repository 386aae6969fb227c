//! Makes a Rust table of data/planets.csv: all of it with the feature `outer`, else what is nearer than 2 au.

use std::path::Path;
use std::{env, fs};

const TABLE: &str = "data/planets.csv";

fn main() {
    println!("cargo::rerun-if-changed={TABLE}");
    let csv = fs::read_to_string(TABLE).expect(TABLE);
    let outer = env::var_os("CARGO_FEATURE_OUTER").is_some();
    let mut rust = String::from("&[\n");
    for line in csv.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, axis, eccentricity, longitude, perihelion] = fields[..] else {
            panic!("{TABLE}: {line}");
        };
        let axis: f64 = axis.parse().expect(line);
        if outer || axis < 2.0 {
            rust.push_str(&format!(
                "Planet {{ name: {name:?}, axis_au: {axis:?}, eccentricity: {eccentricity}, \
                 longitude: {longitude}, perihelion: {perihelion} }},\n"
            ));
        }
    }
    rust.push(']');
    let folder = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&folder).join("planets.rs"), rust).expect("cargo made the folder");
}

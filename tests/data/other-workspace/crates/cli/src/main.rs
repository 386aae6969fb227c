//! `orrery [--planet NAME] DAYS`: heliocentric positions, DAYS after J2000.

use std::process::ExitCode;

use arguments::{Arg, Parser, ValueExt};
use ephemeris::{planet, Planet, PLANETS};

const USAGE: &str = "usage: orrery [--planet NAME] DAYS";

enum Request {
    Version,
    Positions { planets: Vec<Planet>, days: f64 },
}

fn parse(mut parser: Parser) -> Result<Request, arguments::Error> {
    let mut planets = Vec::new();
    let mut days = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("version") => return Ok(Request::Version),
            Arg::Long("planet") => {
                let name = parser.value()?.string()?;
                planets.push(*planet(&name).ok_or_else(|| format!("no planet {name:?} here"))?);
            }
            Arg::Value(value) if days.is_none() => days = Some(value.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    if planets.is_empty() {
        planets = PLANETS.to_vec();
    }
    match days {
        Some(days) => Ok(Request::Positions { planets, days }),
        None => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    match parse(Parser::from_env()) {
        Ok(Request::Version) => println!("orrery {}", env!("CARGO_PKG_VERSION")),
        Ok(Request::Positions { planets, days }) => {
            for planet in planets {
                let (longitude, distance) = planet.position(days);
                println!("{:<8} {longitude:7.2}° {distance:7.3} au", planet.name);
            }
        }
        Err(error) => {
            eprintln!("orrery: {error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planets_of(arguments: &[&str]) -> Result<usize, String> {
        match parse(Parser::from_args(arguments)) {
            Ok(Request::Positions { planets, .. }) => Ok(planets.len()),
            Ok(Request::Version) => Err("version".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn all_planets_unless_some_are_named() {
        assert_eq!(planets_of(&["0"]), Ok(PLANETS.len()));
        assert_eq!(
            planets_of(&["--planet", "mars", "0", "--planet=EARTH"]),
            Ok(2)
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(planets_of(&[]), Err(USAGE.to_owned()));
        assert_eq!(
            planets_of(&["--planet", "Vulcan", "0"]),
            Err("no planet \"Vulcan\" here".to_owned())
        );
        assert!(planets_of(&["1", "2"]).unwrap_err().contains("\"2\""));
    }
}

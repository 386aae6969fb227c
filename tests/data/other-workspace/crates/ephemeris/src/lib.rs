//! Where the planets are: mean elements at J2000, two-body motion, an error of a degree or so within a century.

use std::f64::consts::TAU;

use sexagesimal::degrees;

/// The tilt of the Earth's axis at J2000, in degrees.
pub const OBLIQUITY: f64 = degrees!("23:26:21.448");

/// Mean orbital elements; angles in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planet {
    /// Its English name.
    pub name: &'static str,
    /// Semi-major axis in astronomical units.
    pub axis_au: f64,
    /// Eccentricity, 0 to 1.
    pub eccentricity: f64,
    /// Mean longitude at J2000.
    pub longitude: f64,
    /// Longitude of perihelion.
    pub perihelion: f64,
}

/// The planets that this build knows, from the Sun outwards.
pub const PLANETS: &[Planet] = include!(concat!(env!("OUT_DIR"), "/planets.rs"));

/// The planet of that name, in any case.
pub fn planet(name: &str) -> Option<&'static Planet> {
    PLANETS
        .iter()
        .find(|planet| planet.name.eq_ignore_ascii_case(name))
}

impl Planet {
    /// One revolution, in days: Kepler's third law.
    pub fn period_days(&self) -> f64 {
        365.256_363 * self.axis_au.powf(1.5)
    }

    /// Heliocentric longitude in degrees, 0 to 360, and distance in astronomical units, `days` after J2000.
    pub fn position(&self, days: f64) -> (f64, f64) {
        let mean_anomaly =
            (self.longitude - self.perihelion).to_radians() + TAU * days / self.period_days();
        let eccentric = eccentric_anomaly(mean_anomaly, self.eccentricity);
        let x = eccentric.cos() - self.eccentricity;
        let y = (1.0 - self.eccentricity.powi(2)).sqrt() * eccentric.sin();
        let longitude = y.atan2(x).to_degrees() + self.perihelion;
        (longitude.rem_euclid(360.0), self.axis_au * x.hypot(y))
    }
}

/// Solves Kepler's equation `M = E - e sin E` by Newton's method; angles in radians.
fn eccentric_anomaly(mean: f64, eccentricity: f64) -> f64 {
    let mean = mean.rem_euclid(TAU);
    let mut anomaly = mean + eccentricity * mean.sin();
    for _ in 0..20 {
        let step =
            (anomaly - eccentricity * anomaly.sin() - mean) / (1.0 - eccentricity * anomaly.cos());
        anomaly -= step;
        if step.abs() < 1e-12 {
            break;
        }
    }
    anomaly
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keplers_equation_holds_for_every_anomaly() {
        for eccentricity in [0.0, 0.2, 0.9] {
            for step in 0..100 {
                let mean = TAU * f64::from(step) / 100.0;
                let anomaly = eccentric_anomaly(mean, eccentricity);
                assert!((anomaly - eccentricity * anomaly.sin() - mean).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn distance_stays_between_perihelion_and_aphelion() {
        for planet in PLANETS {
            for day in (-36_500..36_500).step_by(97) {
                let (longitude, distance) = planet.position(f64::from(day));
                let reach = planet.axis_au * planet.eccentricity + 1e-9;
                assert!(
                    (distance - planet.axis_au).abs() <= reach,
                    "{planet:?} on day {day}"
                );
                assert!((0.0..360.0).contains(&longitude), "{planet:?} on day {day}");
            }
        }
    }

    #[test]
    fn the_earth_is_near_perihelion_at_new_year_2000() {
        let (longitude, distance) = PLANETS[2].position(0.0);
        assert!((longitude - 100.38).abs() < 0.05, "{longitude}");
        assert!((distance - 0.9833).abs() < 0.0005, "{distance}");
    }

    #[test]
    fn mars_needs_687_days() {
        let mars = planet("mars").expect("Mars is in the table");
        assert!(
            (mars.period_days() - 686.97).abs() < 0.1,
            "{}",
            mars.period_days()
        );
    }

    #[test]
    fn outer_planets_come_with_their_feature() {
        assert_eq!(planet("Saturn").is_some(), cfg!(feature = "outer"));
    }

    #[test]
    fn the_axis_is_tilted_by_23_degrees() {
        assert!((OBLIQUITY - 23.439_291).abs() < 1e-6);
    }
}

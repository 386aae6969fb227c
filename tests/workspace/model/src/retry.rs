use std::time::Duration;

/// When to try again, and after how long: exponential from `first_delay`, capped at `longest_delay`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    /// Requests in all, the first one included; 0 counts as 1.
    pub attempts: u32,
    /// The pause after the first failure; each later pause is twice the one before.
    pub first_delay: Duration,
    /// No pause is longer, whatever the server asks for.
    pub longest_delay: Duration,
}

impl RetryPolicy {
    /// One request, no second chance.
    pub const NONE: Self = Self {
        attempts: 1,
        first_delay: Duration::ZERO,
        longest_delay: Duration::ZERO,
    };

    /// The pause after `failed` failures (1 for the first), or `None` where that was the last attempt.
    ///
    /// `retry_after` is the server's own wish: it may lengthen a pause up to the cap, never shorten it.
    pub fn pause(&self, failed: u32, retry_after: Option<Duration>) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let doublings = failed.saturating_sub(1);
        let own = self.first_delay.saturating_mul(2_u32.saturating_pow(doublings));
        Some(own.max(retry_after.unwrap_or_default()).min(self.longest_delay))
    }
}

impl Default for RetryPolicy {
    /// Four requests within about two seconds of pauses: enough for a server that restarts.
    fn default() -> Self {
        Self {
            attempts: 4,
            first_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 6,
        first_delay: Duration::from_millis(100),
        longest_delay: Duration::from_millis(1000),
    };

    #[test]
    fn pauses_double_up_to_the_cap() {
        let pauses: Vec<_> = (1..6).filter_map(|failed| POLICY.pause(failed, None)).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1000].map(Duration::from_millis));
    }

    #[test]
    fn the_last_attempt_has_no_pause() {
        assert_eq!(POLICY.pause(6, None), None);
        assert_eq!(RetryPolicy::NONE.pause(1, Some(Duration::from_secs(1))), None);
    }

    #[test]
    fn the_servers_wish_lengthens_but_is_capped_and_never_shortens() {
        assert_eq!(
            POLICY.pause(1, Some(Duration::from_millis(300))),
            Some(Duration::from_millis(300))
        );
        assert_eq!(
            POLICY.pause(1, Some(Duration::from_secs(99_999_999))),
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            POLICY.pause(3, Some(Duration::ZERO)),
            Some(Duration::from_millis(400))
        );
    }

    #[test]
    fn a_large_count_does_not_overflow() {
        let patient = RetryPolicy {
            attempts: u32::MAX,
            ..POLICY
        };
        assert_eq!(patient.pause(u32::MAX - 1, None), Some(POLICY.longest_delay));
    }
}

//! [`TokenBucket`]: how many repetitions all requests of a client may have together.

/// A repetition takes a token; a success brings a fifth of one. So in the long run at most one
/// request in six is a repetition, however many attempts each may have.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    tokens: f64,
}

impl TokenBucket {
    /// What a full bucket holds: enough for a short failure of everything.
    pub const CAPACITY: f64 = 500.0;

    /// What a success brings.
    pub const REWARD: f64 = 0.2;

    /// A full bucket.
    pub fn new() -> Self {
        Self {
            tokens: Self::CAPACITY,
        }
    }

    /// Takes a token for a repetition: whether there was one.
    pub fn take(&mut self) -> bool {
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }

    /// A request succeeded.
    pub fn reward(&mut self) {
        self.tokens = (self.tokens + Self::REWARD).min(Self::CAPACITY);
    }
}

impl Default for TokenBucket {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_long_run_repetitions_are_a_fifth_of_the_successes() {
        let mut bucket = TokenBucket::new();
        let (mut successes, mut repetitions) = (0_u32, 0_u32);
        for _ in 0..10_000 {
            while bucket.take() {
                repetitions += 1;
            }
            bucket.reward();
            successes += 1;
        }
        assert!(f64::from(repetitions) <= TokenBucket::CAPACITY + 0.2 * f64::from(successes));
        assert!(repetitions > 2_400, "{repetitions}");
    }
}

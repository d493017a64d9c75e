//! When each command of an open loop is due, whatever became of the ones before.
//!
//! Invariant: exactly `rate` commands a second, dealt in turn to the connections; the time of a
//! command does not depend on any answer, so a gateway that stalls pays for its stall. Not here:
//! sending.

use std::time::Duration;

/// The burst of each second: this share of its time ...
const BURST_TIME: f64 = 0.2;
/// ... carries this share of its commands.
const BURST_COMMANDS: f64 = 0.4;

/// How the commands of a second lie in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Evenly.
    Steady,
    /// Two in five within its first fifth.
    Bursts,
}

/// The times of one connection's commands.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    rate: f64,
    connections: u64,
    connection: u64,
    shape: Shape,
    next: u64,
}

impl Schedule {
    /// Of connection number `connection` of `connections`, with `rate` a second over all.
    pub const fn new(rate: f64, (connection, connections): (u64, u64), shape: Shape) -> Self {
        Self {
            rate,
            connections,
            connection,
            shape,
            next: 0,
        }
    }

    /// When the next command is due, from the start of the run.
    pub fn due(&self) -> Duration {
        let index = self.next * self.connections + self.connection;
        let seconds = index as f64 / self.rate;
        let (whole, share) = (seconds.floor(), seconds.fract());
        let within = match self.shape {
            Shape::Steady => share,
            Shape::Bursts if share < BURST_COMMANDS => share * BURST_TIME / BURST_COMMANDS,
            Shape::Bursts => {
                let rest = (share - BURST_COMMANDS) / (1.0 - BURST_COMMANDS);
                BURST_TIME + rest * (1.0 - BURST_TIME)
            }
        };
        Duration::from_secs_f64(whole + within)
    }

    /// Goes on to the one after.
    pub const fn advance(&mut self) {
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(shape: Shape) -> Vec<Duration> {
        let mut all = Vec::new();
        for connection in 0..3 {
            let mut schedule = Schedule::new(300.0, (connection, 3), shape);
            for _ in 0..200 {
                all.push(schedule.due());
                schedule.advance();
            }
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn each_second_has_its_commands_over_all_connections() {
        for shape in [Shape::Steady, Shape::Bursts] {
            let all = times(shape);
            let first = all
                .iter()
                .filter(|due| **due < Duration::from_secs(1))
                .count();
            assert_eq!((first, all.len()), (300, 600), "{shape:?}");
        }
    }

    #[test]
    fn a_burst_carries_two_in_five_in_a_fifth_of_the_time() {
        let early = |shape| {
            let all = times(shape);
            all.iter()
                .filter(|due| **due < Duration::from_millis(200))
                .count()
        };
        assert_eq!(early(Shape::Steady), 60);
        assert_eq!(early(Shape::Bursts), 120);
    }
}

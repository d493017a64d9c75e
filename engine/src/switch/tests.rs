//! Unit tests of switches: rooms, timers, sections.

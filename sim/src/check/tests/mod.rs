//! The tester is tested.

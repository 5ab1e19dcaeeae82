//! Something broken on purpose, repaired when it goes.

/// Something broken on purpose; dropping it repairs it, also when the test that holds it fails.
pub struct Fault<'a> {
    repair: Option<Box<dyn FnOnce() + 'a>>,
}

impl<'a> Fault<'a> {
    /// Breaks something with `break_it` and keeps `repair` for the end.
    pub fn new(break_it: impl FnOnce(), repair: impl FnOnce() + 'a) -> Self {
        // The repair is in place before the break: a break that fails half-way is repaired too.
        let fault = Self {
            repair: Some(Box::new(repair)),
        };
        break_it();
        fault
    }
}

impl Drop for Fault<'_> {
    fn drop(&mut self) {
        if let Some(repair) = self.repair.take() {
            repair();
        }
    }
}

//! What clients do of their own accord.

use super::{Sense, longest};
use crate::scenario::model::{ReadModeName, Workload};
use crate::scenario::path::Path;
use crate::time::Span;

impl Sense<'_> {
    pub(super) fn workload(&mut self) {
        let Some(workload) = &self.scenario.workload else { return };
        let root = Path::ROOT.key("workload");
        self.range(&root.key("clients"), u64::from(workload.clients), 1, 64);
        self.range(&root.key("keys"), u64::from(workload.keys), 1, 1000);
        if workload.commands.values().all(|weight| *weight == 0) {
            let help =
                "give at least one command a weight above zero: `{\"SET\": 1, \"GET\": 2}`; or leave it out";
            self.report("E0210", &root.key("commands"), "no command can ever be chosen", help);
        }
        if workload.reads.values().all(|weight| *weight == 0) {
            let help =
                "give at least one way to read a weight above zero: `{\"leader\": 1}`; or leave it out";
            self.report("E0210", &root.key("reads"), "no way to read can ever be chosen", help);
        }
        if workload.reads.get(&ReadModeName::Lease).is_some_and(|weight| *weight > 0) {
            self.leases(&root.key("reads").key("lease"));
        }
        let Workload { clients, loyal_readers: readers, loyal_writers: writers, .. } = *workload;
        if readers > clients {
            let message = format!("{readers} of {clients} clients cannot be loyal readers");
            let help = format!("at most {clients}, as `clients` says");
            self.report("E0208", &root.key("loyal_readers"), message, help);
        } else if writers > clients - readers {
            let message = format!("{writers} of {clients} clients cannot be loyal writers");
            let help = format!("at most {}, which are no loyal readers", clients - readers);
            self.report("E0208", &root.key("loyal_writers"), message, help);
        }
        self.pace(&root, workload);
        self.span_of_work(&root, workload);
    }

    fn pace(&mut self, root: &Path<'_>, workload: &Workload) {
        self.distribution(&root.key("think"), &workload.think);
        let Workload { attempt_timeout: attempt, operation_timeout: operation, .. } = workload;
        self.positive(&root.key("attempt_timeout"), *attempt);
        self.positive(&root.key("operation_timeout"), *operation);
        if attempt > operation {
            let default = Workload::default();
            let set = *operation != default.operation_timeout;
            let blamed = if set { "operation_timeout" } else { "attempt_timeout" };
            let message =
                format!("one attempt ({attempt}) may take longer than the whole operation ({operation})");
            let help = "`attempt_timeout` is at most `operation_timeout`";
            self.report("E0209", &root.key(blamed), message, help);
        }
        // A loop of clients without any delay would take every step of the run at one instant.
        if longest(&workload.think) == Span::ZERO
            && longest(&self.scenario.network.client_latency) == Span::ZERO
        {
            let help = "let clients think, or give `network.client_latency` some length";
            self.report("E0218", &root.key("think"), "clients would do everything at one instant", help);
        }
    }

    fn span_of_work(&mut self, root: &Path<'_>, workload: &Workload) {
        let Workload { start, stop, .. } = workload;
        self.within_run(&root.key("start"), *start, "clients begin within `duration`");
        if let Some(stop) = stop {
            self.within_run(&root.key("stop"), *stop, "leave `stop` out to mean the end of the run");
            if stop <= start {
                let message = format!("clients stop ({stop}) before they begin ({start})");
                self.report("E0209", &root.key("stop"), message, "`stop` is later than `start`");
            }
        }
    }
}

//! Whether a run that was made again is still the run that was kept.

use super::{Artifact, ArtifactError, TraceRecord};
use crate::report::RunRecord;
use crate::run::{RunReport, TraceLine, Verdict};
use std::convert::Infallible;

/// How a kept run and the same run made again compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// In a word.
    pub likeness: Likeness,
    /// Where the traces part, if the runs differ and there is a trace to compare with.
    pub difference: Option<Difference>,
}

/// How alike two runs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same verdict for the same reason, and the same fingerprint.
    Same,
    /// The same property, or the same expectation, fails in another run.
    SameFailure,
    /// Something else fails.
    OtherFailure,
    /// Nothing fails any more.
    Fixed,
    /// This time the run was cut off.
    Undecided,
}

/// The first event at which two traces differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which, from 1.
    pub event: u64,
    /// What was kept; nothing if the kept trace ends before.
    pub before: Option<TraceRecord>,
    /// What happens now; nothing if the trace ends before.
    pub now: Option<TraceRecord>,
}

/// Compares `artifact` with the same run made again.
///
/// # Errors
/// If the artifact's trace is needed and cannot be read.
pub fn compare(
    artifact: &Artifact,
    report: &RunReport,
    trace: &[TraceLine],
) -> Result<Comparison, ArtifactError> {
    let likeness = likeness(&artifact.result.run, report);
    let same_run = artifact.result.run.fingerprint.0 == report.fingerprint;
    let difference = match artifact.trace()? {
        Some(kept) if !same_run => first_difference(kept, trace)?,
        _ => None,
    };
    Ok(Comparison { likeness, difference })
}

fn likeness(kept: &RunRecord, report: &RunReport) -> Likeness {
    let now = RunRecord::new(report, None);
    let property = |run: &RunRecord| run.violation.as_ref().map(|violation| violation.property);
    if now.verdict == kept.verdict
        && now.fingerprint == kept.fingerprint
        && now.violation == kept.violation
        && now.missed == kept.missed
    {
        return Likeness::Same;
    }
    match now.verdict {
        Verdict::Ok => Likeness::Fixed,
        Verdict::Cutoff => Likeness::Undecided,
        verdict
            if verdict == kept.verdict && property(&now) == property(kept) && now.missed == kept.missed =>
        {
            Likeness::SameFailure
        }
        Verdict::Violation | Verdict::Expectation => Likeness::OtherFailure,
    }
}

/// Where two traces of what should be one run part.
pub fn traces_part(before: &[TraceLine], now: &[TraceLine]) -> Option<Difference> {
    let before = before.iter().map(|line| Ok::<_, Infallible>(TraceRecord::from(line)));
    match first_difference(before, now) {
        Ok(difference) => difference,
        Err(never) => match never {},
    }
}

fn first_difference<E>(
    mut before: impl Iterator<Item = Result<TraceRecord, E>>,
    now: &[TraceLine],
) -> Result<Option<Difference>, E> {
    let mut now = now.iter().map(TraceRecord::from);
    for event in 1.. {
        let (before, now) = (before.next().transpose()?, now.next());
        if before != now {
            return Ok(Some(Difference { event, before, now }));
        }
        if now.is_none() {
            break;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{line, sample};

    #[test]
    fn two_runs_are_as_alike_as_their_verdict_its_reason_and_their_fingerprint() {
        let failing = sample(7, Verdict::Violation);
        let kept = RunRecord::new(&failing, None);
        assert_eq!(likeness(&kept, &failing), Likeness::Same);
        let moved = RunReport { fingerprint: 1, ..failing.clone() };
        assert_eq!(likeness(&kept, &moved), Likeness::SameFailure);
        let mut other = failing.clone();
        other.violation.as_mut().unwrap().property = crate::observation::Property::LogMatching;
        assert_eq!(likeness(&kept, &other), Likeness::OtherFailure);
        assert_eq!(likeness(&kept, &sample(7, Verdict::Expectation)), Likeness::OtherFailure);
        assert_eq!(likeness(&kept, &sample(7, Verdict::Ok)), Likeness::Fixed);
        assert_eq!(likeness(&kept, &sample(7, Verdict::Cutoff)), Likeness::Undecided);
    }

    #[test]
    fn traces_part_at_the_first_event_that_differs_or_is_missing() {
        let one =
            [line(1, None, "boot"), line(2, Some(1), "n1@1 ⇨ candidate"), line(3, Some(1), "n1@1 ⇨ leader")];
        assert_eq!(traces_part(&one, &one), None);
        let shorter = traces_part(&one, &one[..2]).unwrap();
        assert_eq!((shorter.event, shorter.now), (3, None));
        let longer = traces_part(&one[..2], &one).unwrap();
        assert_eq!((longer.event, longer.before), (3, None));
        let other = [one[0].clone(), line(2, Some(2), "n2@1 ⇨ candidate")];
        let difference = traces_part(&one, &other).unwrap();
        assert_eq!(difference.event, 2);
        assert_eq!(difference.before.unwrap().text, "n1@1 ⇨ candidate");
        assert_eq!(difference.now.unwrap().text, "n2@1 ⇨ candidate");
    }
}

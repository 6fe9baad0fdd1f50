use proptest::prelude::*;
use tokio::time::advance;

use super::*;
use crate::upstream::resilience::Unheard;

const SECOND: Duration = Duration::from_secs(1);

fn params() -> Params {
    Params {
        enabled: true,
        window: 10 * SECOND,
        min_requests: 4,
        failure_percent: 50,
        open_for: 5 * SECOND,
        probes: 2,
    }
}

/// Remembers the states it is told.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<State>>);

impl Signals for Heard {
    fn retried(&self, _: &'static str) {}
    fn out_of_budget(&self) {}
    fn kept_away(&self) {}
    fn breaker(&self, state: State) {
        self.0.lock().unwrap().push(state);
    }
}

fn breaker(params: Params) -> Breaker {
    Breaker::new("main".into(), params, Arc::new(Unheard))
}

fn succeed(breaker: &Breaker) {
    breaker.enter().unwrap().ended(Verdict::Success, None, Instant::now());
}

fn fail(breaker: &Breaker) {
    breaker.enter().unwrap().ended(Verdict::Failure, Some(Kind::Timeout), Instant::now());
}

fn opened() -> Breaker {
    let breaker = breaker(params());
    (0..4).for_each(|_| fail(&breaker));
    assert_eq!(breaker.seen().state, State::Open);
    breaker
}

#[tokio::test(start_paused = true)]
async fn it_opens_when_the_share_of_failures_is_reached_and_not_before() {
    let breaker = breaker(params());
    (0..3).for_each(|_| fail(&breaker));
    assert_eq!(breaker.seen().state, State::Closed, "three say nothing");
    (0..4).for_each(|_| succeed(&breaker));
    assert_eq!(breaker.seen().state, State::Closed, "only a failure opens it");
    fail(&breaker);
    let seen = breaker.seen();
    assert_eq!((seen.state, seen.attempts, seen.failures), (State::Open, 8, 4));
    assert_eq!(seen.last.map(|(kind, _)| kind), Some(Kind::Timeout));
    assert_eq!(breaker.enter().unwrap_err(), KeptAway(5 * SECOND));
    advance(3 * SECOND).await;
    assert_eq!(breaker.enter().unwrap_err(), KeptAway(2 * SECOND));
    assert_eq!(breaker.seen().next, Some(2 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_long_past_do_not_count() {
    let breaker = breaker(params());
    (0..3).for_each(|_| fail(&breaker));
    advance(11 * SECOND).await;
    (0..3).for_each(|_| fail(&breaker));
    assert_eq!(breaker.seen().state, State::Closed);
    fail(&breaker);
    assert_eq!(breaker.seen().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn half_open_it_lets_the_probes_through_and_closes_when_all_succeed() {
    let breaker = opened();
    advance(5 * SECOND).await;
    let (first, second) = (breaker.enter().unwrap(), breaker.enter().unwrap());
    assert_eq!(breaker.seen().state, State::HalfOpen);
    assert_eq!(breaker.enter().unwrap_err(), KeptAway(SOON));
    first.ended(Verdict::Success, None, Instant::now());
    assert_eq!(breaker.enter().unwrap_err(), KeptAway(SOON), "one of two is no reason for a third");
    second.ended(Verdict::Success, None, Instant::now());
    let seen = breaker.seen();
    assert_eq!((seen.state, seen.attempts, seen.next), (State::Closed, 0, None));
    (0..3).for_each(|_| fail(&breaker));
    assert_eq!(breaker.seen().state, State::Closed, "what was before is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_again_for_the_whole_time() {
    let breaker = opened();
    advance(5 * SECOND).await;
    let late = breaker.enter().unwrap();
    fail(&breaker);
    assert_eq!(breaker.enter().unwrap_err(), KeptAway(5 * SECOND));
    late.ended(Verdict::Success, None, Instant::now());
    assert_eq!(breaker.seen().state, State::Open, "a probe of before says nothing now");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_nobody_waits_for_gives_its_place_back() {
    let breaker = opened();
    advance(5 * SECOND).await;
    let (first, second) = (breaker.enter().unwrap(), breaker.enter().unwrap());
    assert!(breaker.enter().is_err());
    drop(first);
    second.ended(Verdict::Silence, Some(Kind::CutShort), Instant::now());
    succeed(&breaker);
    succeed(&breaker);
    assert_eq!(breaker.seen().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_began_before_it_opened_does_not_change_it() {
    let breaker = breaker(params());
    let before: Vec<_> = (0..8).map(|_| breaker.enter().unwrap()).collect();
    (0..4).for_each(|_| fail(&breaker));
    advance(5 * SECOND).await;
    let probe = breaker.enter().unwrap();
    for pass in before {
        pass.ended(Verdict::Failure, Some(Kind::Broken), Instant::now());
    }
    assert_eq!(breaker.seen().state, State::HalfOpen);
    probe.ended(Verdict::Success, None, Instant::now());
    succeed(&breaker);
    assert_eq!(breaker.seen().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn each_change_is_told_once() {
    let heard = Arc::new(Heard::default());
    let signals: Arc<dyn Signals> = Arc::clone(&heard) as _;
    let breaker = Breaker::new("main".into(), params(), signals);
    (0..4).for_each(|_| fail(&breaker));
    (0..9).for_each(|_| assert!(breaker.enter().is_err()));
    advance(5 * SECOND).await;
    fail(&breaker);
    advance(5 * SECOND).await;
    succeed(&breaker);
    succeed(&breaker);
    use State::{Closed, HalfOpen, Open};
    let told = heard.0.lock().unwrap().clone();
    assert_eq!(told, [Closed, Open, HalfOpen, Open, HalfOpen, Closed]);
    assert_eq!(State::ALL.map(State::number), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_off_only_watches() {
    let breaker = breaker(Params { enabled: false, ..params() });
    (0..100).for_each(|_| fail(&breaker));
    let seen = breaker.seen();
    assert_eq!((seen.state, seen.failures), (State::Closed, 100));
}

/// What happens to a breaker.
#[derive(Clone, Debug)]
enum Step {
    Enter,
    /// One of those under way ends so.
    End(usize, Verdict),
    /// One of those under way is dropped.
    Leave(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Failure),
        2 => Just(Verdict::Success),
        1 => Just(Verdict::Silence),
    ];
    prop_oneof![
        4 => Just(Step::Enter),
        3 => (any::<usize>(), verdict).prop_map(|(which, how)| Step::End(which, how)),
        1 => any::<usize>().prop_map(Step::Leave),
        1 => (0_u64..7_000).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever happens in whatever order: open lets nothing through, half-open no more than
    /// `probes` that were not given back, and no attempt is refused while it is closed.
    #[test]
    fn no_more_than_the_probes_are_let_through(
        steps in prop::collection::vec(step(), 1..200),
        probes in 1_u32..4,
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let breaker = breaker(Params { probes, ..params() });
            let mut under_way = Vec::new();
            // Those let through since it became half-open, minus those that said nothing.
            let mut tried: Vec<u64> = Vec::new();
            for step in steps {
                match step {
                    Step::Enter => {
                        let before = breaker.seen();
                        match breaker.enter() {
                            Ok(pass) => {
                                let phase = pass.phases;
                                let open = before.state == State::Open;
                                prop_assert!(!open || before.next == Some(Duration::ZERO));
                                if breaker.seen().state == State::HalfOpen {
                                    tried.retain(|of| *of == phase);
                                    tried.push(phase);
                                    prop_assert!(tried.len() <= probes as usize);
                                }
                                under_way.push(pass);
                            }
                            Err(KeptAway(wait)) => {
                                prop_assert!(before.state != State::Closed);
                                prop_assert!(!wait.is_zero());
                            }
                        }
                    }
                    Step::End(which, verdict) if !under_way.is_empty() => {
                        let pass = under_way.swap_remove(which % under_way.len());
                        if verdict == Verdict::Silence
                            && let Some(at) = tried.iter().position(|of| *of == pass.phases)
                        {
                            tried.remove(at);
                        }
                        pass.ended(verdict, Some(Kind::Broken), Instant::now());
                    }
                    Step::Leave(which) if !under_way.is_empty() => {
                        let pass = under_way.swap_remove(which % under_way.len());
                        if let Some(at) = tried.iter().position(|of| *of == pass.phases) {
                            tried.remove(at);
                        }
                        drop(pass);
                    }
                    Step::Wait(ms) => advance(Duration::from_millis(ms)).await,
                    Step::End(..) | Step::Leave(_) => {}
                }
            }
            Ok(())
        })?;
    }
}

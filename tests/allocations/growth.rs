//! What a request takes does not grow with what else is served: tenants, dialects, entries.

use tower::Service as _;

use crate::inside::{Stack, Text, copied, credential, mount, request, stack};
use crate::{alone, count};

/// Allocations of a request that was made before: from the cache, and translated.
fn counted(many: usize, build: impl Fn(usize, bool) -> (Stack, Vec<[String; 3]>)) -> [usize; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    [true, false].map(|cache| {
        let (mut stack, asked) = build(many, cache);
        let most = asked.iter().map(|asked| {
            let mut once = || {
                let answer = runtime.block_on(stack.call(request(asked))).unwrap();
                assert!(answer.status().is_success(), "{asked:?}: {}", answer.status());
                answer
            };
            once();
            let status = once().headers()["cache-status"].to_str().unwrap().to_owned();
            assert_eq!(status.contains("; hit"), cache, "{asked:?}: {status}");
            count(|| _ = once())
        });
        most.max().unwrap()
    })
}

/// Those of the first, the middle and the last of so many.
fn some(many: usize) -> impl Iterator<Item = usize> {
    [0, many / 2, many - 1].into_iter()
}

#[test]
fn a_request_allocates_as_often_with_a_thousand_tenants_as_with_one() {
    let _alone = alone();
    let build = |tenants: usize, cache: bool| {
        let host = |n: usize| format!("tenant-{n}.desk.example");
        let mounts: Vec<_> =
            (0..tenants).map(|n| mount("account", &format!("tenant-{n}"), &host(n), "")).collect();
        // One secret, so that it does not tell them apart.
        let credentials = (0..tenants).map(|n| credential(n, "secret")).collect();
        let asked = some(tenants).map(|n| {
            [host(n), "/api/v1/accounts/1/conversations/418".to_owned(), "secret".to_owned()]
        });
        (stack(&copied("account", "account"), &mounts, credentials, cache), asked.collect())
    };
    let (one, many) = (counted(1, build), counted(1_000, build));
    println!("a hit and a translated read: {one:?} allocations, of a thousand tenants {many:?}");
    assert_eq!(one, many);
}

#[test]
fn a_request_allocates_as_often_with_many_dialects_as_with_one() {
    let _alone = alone();
    let build = |dialects: usize, cache: bool| {
        let names: Vec<String> = (0..dialects).map(|n| format!("vendor-{n}")).collect();
        let texts: Vec<Text> = names.iter().flat_map(|n| copied("third-party", n)).collect();
        let at = |name: &String| mount(name, "tenant-0", "*", &format!("/{name}"));
        let mounts: Vec<_> = names.iter().map(at).collect();
        let asked = some(dialects).map(|n| {
            let address = format!("/vendor-{n}/third-party/v1/conversations/418");
            ["desk.example".to_owned(), address, "secret".to_owned()]
        });
        (stack(&texts, &mounts, vec![credential(0, "secret")], cache), asked.collect())
    };
    let (one, many) = (counted(1, build), counted(10, build));
    println!("a hit and a translated read: {one:?} allocations, of ten dialects {many:?}");
    assert_eq!(one, many);
}

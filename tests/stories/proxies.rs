//! A machine that reaches its stores through a proxy, as the variables of its environment say.

use crate::support::http_stub::{Reply, Stub};
use crate::world::{Outcome, World, bucket_of};

/// `check` towards a store that is known to nobody but the proxy.
fn check(world: &World, variables: &[(&str, &str)], options: &[&str]) -> Outcome {
    world.write_conf("new", |kind| {
        let bucket = format!("bucket = {}\n", bucket_of(kind));
        format!("name = s3\n{bucket}key_id = id\nkey = secret\nhost = store.invalid\npath_style_request = true\n")
    });
    let mut command = world.program();
    command.args(["check", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(["--timeout", "5", "--attempts", "1"]);
    command.envs(variables.iter().copied()).args(options);
    world.finish(command.spawn().unwrap())
}

#[test]
fn the_way_through_a_proxy_is_told_once_and_can_be_turned_off() {
    let world = World::with_sample();
    let proxy = Stub::start(|_| Reply::new(403).body("the proxy speaks"));
    let url = format!("http://me:hidden@{}", proxy.host());

    let outcome = check(&world, &[("http_proxy", &url)], &[]);
    let told = format!("requests to store.invalid go through the proxy http://{} (http_proxy)", proxy.host());
    assert_eq!(outcome.stderr.matches(&told).count(), 1, "{outcome:?}");
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains("the proxy speaks") && !said.contains("hidden"), "{said}");

    let before = proxy.connections();
    let outcome = check(&world, &[("http_proxy", &url)], &["--no-proxy"]);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains("store.invalid") && !said.contains("proxy"), "{said}");
    assert_eq!(proxy.connections(), before);
}

#[test]
fn a_variable_that_names_no_usable_proxy_is_refused() {
    let world = World::with_sample();
    let outcome = check(&world, &[("HTTPS_PROXY", "socks5://me:hidden@x:1080")], &[]).assert_code(2);
    assert!(outcome.stderr.contains("HTTPS_PROXY") && outcome.stderr.contains("--no-proxy"), "{outcome:?}");
    assert!(!outcome.stderr.contains("hidden"), "{outcome:?}");
}

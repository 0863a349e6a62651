//! Components in registries: pushed, pulled, and pulled again by digest, against a real registry.

use crate::support::{Ended, Home, Lockgate, OciRegistry, time};

fn push(to: &str, home: &Home) -> Ended {
    Lockgate::new("push").arg(time()).arg(to).home(home.path()).run()
}

fn pull(reference: &str, home: &Home) -> Ended {
    Lockgate::new("pull").arg(reference).home(home.path()).run()
}

#[test]
fn what_was_pushed_is_pulled_by_its_tag_and_its_digest() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let pushed = push(&registry.reference("acme/time:1.0"), &home);
    let digest = pushed.good().to_owned();
    for reference in ["acme/time:1.0".to_owned(), format!("acme/time@{digest}")] {
        let home = Home::empty();
        assert_eq!(pull(&registry.reference(&reference), &home).good(), digest, "{reference}");
    }
}

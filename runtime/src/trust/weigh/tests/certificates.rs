//! What the holders of certificates sign.

use super::*;

#[test]
fn what_the_holder_of_a_certificate_signed_counts_in_every_version() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let authority = workflow(instance.root());
    let newest = signed(&instance, &holder);
    let mut middle = oldest(newest.clone());
    middle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    *entry(&mut middle) = newest["verificationMaterial"]["tlogEntries"][0].clone();
    for bundle in [oldest(newest.clone()), middle, newest] {
        let good = outcome(&bundle, &authority).unwrap();
        assert!(is_signature(&good.said) && good.logged);
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(EPOCH).unwrap() + 60);
        assert_eq!(good.at, Some(at));
        let (issuer, subject) = (Untrusted::new(ISSUER), Untrusted::new(WORKFLOW));
        assert_eq!(good.signer, SignerId::Identity { issuer, subject });
        let claims = good.identity.unwrap().claims;
        assert_eq!(claims[&Claim::Source].expose(), "https://github.com/acme/time");
        assert_eq!(claims[&Claim::OwnerId].expose(), "4242");
        assert!(!claims.contains_key(&Claim::Trigger));
    }
    // An envelope that is logged in the older form.
    let envelope = holder.envelope(PAYLOAD_TYPE, &statement_about(&about()));
    let logged = instance.log.entry(&holder.pem(), &Logged::InToto(&envelope), &signature_of(&envelope));
    assert!(outcome(&bundle(holder.material(&[logged]), ("dsseEnvelope", envelope)), &authority).is_ok());
}

#[test]
fn a_signature_over_the_manifest_itself_counts() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let authority = workflow(instance.root());
    let over = |bytes: &[u8]| {
        let signature = holder.sign(bytes);
        let entry = instance.log.entry(&holder.pem(), &Logged::Bytes(bytes), &signature);
        let digest = BASE64_STANDARD.encode(sigstore_crypto::sha256(bytes).as_bytes());
        let content = json!({
            "messageDigest": { "algorithm": "SHA2_256", "digest": digest },
            "signature": BASE64_STANDARD.encode(signature),
        });
        bundle(holder.material(&[entry]), ("messageSignature", content))
    };
    let good = outcome(&over(b"manifest"), &authority).unwrap();
    assert!(matches!(good.said, Said::Manifest));
    assert_eq!(fault(&over(b"another"), &authority), Fault::OtherDigest);
    let mut unsaid = over(b"another");
    unsaid["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
    assert_eq!(fault(&unsaid, &authority), Fault::Altered);
}

#[test]
fn attack_02_the_right_subject_of_another_issuer_is_somebody_else() {
    let instance = Instance::new();
    let issuer = "https://accounts.example".to_owned();
    let holder = instance.issue(&Asked { issuer, ..Asked::workflow() });
    let fault = fault(&signed(&instance, &holder), &workflow(instance.root()));
    assert_eq!((fault.code(), fault.is_by_trusted()), ("other-issuer", false));
}

#[test]
fn attack_03_a_subject_that_only_looks_like_the_pattern_is_somebody_else() {
    let instance = Instance::new();
    let (mail, workflows) =
        ("joe@gmail.com", "https://github.com/acme/[a-z]+/.github/workflows/release.yml@refs/heads/.*");
    let other = |from: &str, to: &str| uri(&WORKFLOW.replace(from, to));
    for (pattern, subject) in [
        (mail, email("joe@gmail.com.evil")),
        (mail, email("evil.joe@gmail.com")),
        (mail, email("joe@gmailxcom")),
        (workflows, uri(&format!("https://evil.example/?{WORKFLOW}"))),
        (workflows, other("github.com", "githubxcom")),
        (workflows, other("release.yml", "releaseyyml")),
        (workflows, other("time", "time/evil")),
    ] {
        let shown = format!("{subject:?}");
        let authority = keyless(instance.root(), SubjectRule::pattern(pattern).unwrap(), Claims::new());
        let bundle = signed(&instance, &instance.issue(&Asked { subject, ..Asked::workflow() }));
        let fault = fault(&bundle, &authority);
        assert_eq!((fault.code(), fault.is_by_trusted()), ("other-subject", false), "{shown}");
    }
}

#[test]
fn attack_04_another_workflow_or_branch_of_the_same_repository_does_not_count() {
    let instance = Instance::new();
    let source = "https://github.com/acme/time".to_owned();
    let of_source = || SubjectRule::pattern(r"https://github\.com/acme/time/.*").unwrap();
    for other in [WORKFLOW.replace("release.yml", "test.yml"), WORKFLOW.replace("heads/main", "heads/evil")] {
        let mut asked = Asked { subject: uri(&other), ..Asked::workflow() };
        for (number, text) in &mut asked.claims {
            match number {
                9 | 18 => text.clone_from(&other),
                14 if other.contains("evil") => "refs/heads/evil".clone_into(text),
                _ => {}
            }
        }
        let bundle = signed(&instance, &instance.issue(&asked));
        assert_eq!(fault(&bundle, &workflow(instance.root())).code(), "other-subject");
        // A pattern that lets both through, and claims that do not.
        let with = |claim: Claim, text: &str| {
            let claims = Claims::from([(Claim::Source, source.clone()), (claim, text.to_owned())]);
            outcome(&bundle, &keyless(instance.root(), of_source(), claims)).map(|good| good.signer)
        };
        assert!(with(Claim::Runner, "github-hosted").is_ok());
        assert_eq!(with(Claim::Workflow, WORKFLOW).unwrap_err(), Fault::OtherClaim(Claim::Workflow));
        assert_eq!(Fault::OtherClaim(Claim::Workflow).code(), "other-claim");
        assert_eq!(with(Claim::Signer, WORKFLOW).unwrap_err(), Fault::OtherClaim(Claim::Signer));
        assert_eq!(with(Claim::OwnerId, "4243").unwrap_err(), Fault::OtherClaim(Claim::OwnerId));
        let branch = with(Claim::SourceRef, "refs/heads/main");
        assert_eq!(branch.is_err(), other.contains("evil"));
        // What the certificate does not say is not there.
        assert_eq!(with(Claim::SignerDigest, "").unwrap_err(), Fault::OtherClaim(Claim::SignerDigest));
    }
}

#[test]
fn attack_05_an_address_with_the_text_of_a_uri_does_not_count() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked { subject: email(WORKFLOW), ..Asked::workflow() });
    assert_eq!(fault(&signed(&instance, &holder), &workflow(instance.root())).code(), "other-subject-kind");
    let address = |subject| Asked { subject, ..Asked::workflow() };
    let authority = keyless(instance.root(), SubjectRule::exactly("joe@acme.example").unwrap(), Claims::new());
    let good = signed(&instance, &instance.issue(&address(email("joe@acme.example"))));
    assert!(outcome(&good, &authority).is_ok());
    let bad = signed(&instance, &instance.issue(&address(uri("joe@acme.example"))));
    assert_eq!(fault(&bad, &authority).code(), "other-subject-kind");
    // A name of another kind is none.
    let dns = signed(&instance, &instance.issue(&address(rcgen::SanType::DnsName("acme.example".try_into().unwrap()))));
    assert_eq!(fault(&dns, &authority), Fault::OtherSubject);
}

#[test]
fn attack_06_a_key_in_the_place_of_a_certificate_vouches_for_nothing() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let mut bundle = signed(&instance, &holder);
    let pem = holder.public_key_pem();
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = der.into();
    let fault = fault(&bundle, &workflow(instance.root()));
    assert_eq!((fault.code(), fault.is_by_trusted()), ("certificate-unreadable", false));
    // Nor does a trusted key where somebody holds a certificate for it.
    let authority = Authority { log: Need::Ignore, ..key(&Hand::new(), Need::Ignore) };
    let authority = Authority { who: Who::Key(SignerKey::from_pem(&pem).unwrap()), ..authority };
    let form = Form::Bundle(signed(&instance, &holder).to_string().into_bytes());
    assert_eq!(weighed(form, &authority, &instance.root()).unwrap_err(), Fault::UnknownKey);
}

#[test]
fn attack_07_an_authority_inside_the_bundle_is_not_trusted() {
    let (instance, evil) = (Instance::new(), Instance::new());
    let holder = evil.issue(&Asked::workflow());
    // Even with the trusted log, which keeps whatever it is given.
    let bundle = oldest(signed(&instance, &holder));
    let authority = workflow(instance.root());
    let fault = fault(&bundle, &authority);
    assert_eq!((fault.code(), fault.is_by_trusted()), ("untrusted-certificate", false));
    let mut with_root = bundle.clone();
    let chain = &mut with_root["verificationMaterial"]["x509CertificateChain"]["certificates"];
    chain.as_array_mut().unwrap().push(json!({ "rawBytes": BASE64_STANDARD.encode(evil.authority()) }));
    assert_eq!(outcome(&with_root, &authority).unwrap_err(), Fault::UntrustedCertificate);
    // A certificate for something else than signing.
    let purpose = ExtendedKeyUsagePurpose::ServerAuth;
    let server = instance.issue(&Asked { purpose, ..Asked::workflow() });
    assert_eq!(outcome(&signed(&instance, &server), &authority).unwrap_err(), Fault::UntrustedCertificate);
}

#[test]
fn attack_08_no_root_stands_in_for_another() {
    let (instance, other) = (Instance::new(), Instance::new());
    let bundle = signed(&instance, &instance.issue(&Asked::workflow()));
    for root in [other.root(), TrustRoot::public_good().unwrap(), TrustRoot::github().unwrap()] {
        assert_eq!(fault(&bundle, &workflow(root.clone())).code(), "unknown-log");
        let unlogged = Authority { log: Need::Ignore, sct: Need::Ignore, ..workflow(root) };
        assert_eq!(fault(&bundle, &unlogged), Fault::UnknownLog);
    }
    // Nor do a trusted log and another authority make one.
    let logs = instance.root_with(|root| root["certificateAuthorities"] = json!([]));
    assert_eq!(fault(&bundle, &workflow(logs)), Fault::UntrustedCertificate);
    let authorities = instance.root_with(|root| root["tlogs"] = json!([]));
    assert_eq!(fault(&bundle, &workflow(authorities)), Fault::UnknownLog);
}

#[test]
fn attack_09_a_key_of_another_algorithm_does_not_help() {
    let instance = Instance::new();
    let authority = workflow(instance.root());
    let p384 = instance.issue(&Asked { key: &rcgen::PKCS_ECDSA_P384_SHA384, ..Asked::workflow() });
    let p256 = instance.issue(&Asked::workflow());
    assert!(outcome(&signed(&instance, &p384), &authority).is_ok());
    // The algorithm is the key's own: whoever signs with another, as with RSA, is not its holder.
    let rsa = instance.issue(&Asked { key: &rcgen::PKCS_RSA_SHA256, ..Asked::workflow() });
    for (certificate, signer) in [(&p384, &p256), (&p256, &p384), (&rsa, &p256), (&p256, &rsa), (&rsa, &p384)] {
        let content = signer.envelope(PAYLOAD_TYPE, &statement_about(&about()));
        let entry = instance.log.entry(&certificate.pem(), &Logged::Dsse(&content), &signature_of(&content));
        let bundle = bundle(certificate.material(&[entry]), ("dsseEnvelope", content));
        assert_eq!(fault(&bundle, &authority).code(), "altered");
    }
    // A trusted key is of one kind, and nothing in the evidence says which.
    let acme = Hand::new();
    for (signer, hint) in [(&p384, "PKIX_ECDSA_P384_SHA_384"), (&rsa, "PKIX_RSA_PKCS1V15_2048_SHA256")] {
        let content = signer.envelope(PAYLOAD_TYPE, &statement_about(&about()));
        let bundle = bundle(json!({ "publicKey": { "hint": hint } }), ("dsseEnvelope", content));
        let form = Form::Bundle(bundle.to_string().into_bytes());
        assert_eq!(weighed(form, &key(&acme, Need::Ignore), &instance.root()).unwrap_err(), Fault::UnknownKey);
    }
}

#[test]
fn attack_10_a_certificate_that_was_not_valid_proves_nothing() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let authority = workflow(instance.root());
    let content = holder.envelope(PAYLOAD_TYPE, &statement_about(&about()));
    let expired = Some("certificate-expired");
    for (time, expected) in [(-1, expired), (0, None), (600, None), (601, expired)] {
        let entry =
            instance.log.entry_at(&holder.pem(), &Logged::Dsse(&content), &signature_of(&content), EPOCH + time);
        let bundle = bundle(holder.material(&[entry]), ("dsseEnvelope", content.clone()));
        assert_eq!(outcome(&bundle, &authority).err().map(Fault::code), expected, "{time}");
    }
    // In the log, but nothing says since when; and not even in the log.
    let mut timeless = signed(&instance, &holder);
    entry(&mut timeless).as_object_mut().unwrap().remove("inclusionPromise");
    assert_eq!(fault(&timeless, &authority).code(), "no-time");
    let unlogged = Authority { log: Need::Ignore, ..authority };
    timeless["verificationMaterial"]["tlogEntries"] = json!([]);
    assert_eq!(fault(&timeless, &unlogged), Fault::NoTime);
}

#[test]
fn attack_18_a_certificate_that_its_log_does_not_know_does_not_count() {
    let instance = Instance::new();
    let authority = workflow(instance.root());
    let unlogged = signed(&instance, &instance.issue(&Asked { logged: false, ..Asked::workflow() }));
    assert_eq!(fault(&unlogged, &authority).code(), "certificate-not-logged");
    let ignoring = Authority { sct: Need::Ignore, ..workflow(instance.root()) };
    assert!(outcome(&unlogged, &ignoring).is_ok());
    let good = signed(&instance, &instance.issue(&Asked::workflow()));
    for ctlogs in [json!([]), Instance::new().certificate_logs()] {
        let root = instance.root_with(|root| root["ctlogs"] = ctlogs.clone());
        assert_eq!(fault(&good, &workflow(root)), Fault::CertificateNotLogged);
    }
}

/// Beside what TUF refuses (`trust/tuf/tests.rs`): what a root says of its keys' time holds.
#[test]
fn attack_19_keys_that_were_withdrawn_do_not_vouch_for_what_came_later() {
    let instance = Instance::new();
    let bundle = signed(&instance, &instance.issue(&Asked::workflow()));
    let ended = |part: &str, expected: Fault| {
        let root = instance.root_with(|root| {
            let valid = json!({ "start": "2023-01-01T00:00:00Z", "end": "2023-12-31T00:00:00Z" });
            let part = &mut root[part][0];
            let holder = if part["publicKey"].is_null() { part } else { &mut part["publicKey"] };
            holder["validFor"] = valid;
        });
        assert_eq!(fault(&bundle, &workflow(root)), expected, "{part}");
    };
    ended("certificateAuthorities", Fault::UntrustedCertificate);
    ended("tlogs", Fault::LogPromise);
    ended("ctlogs", Fault::CertificateNotLogged);
}

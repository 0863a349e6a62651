//! Compiled code on disk: only what this machine wrote is loaded, and whatever is wrong with it, the call works or says
//! what to do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::{Ended, Home, Lockgate, evil, time};

fn call(home: &Home) -> Ended {
    Lockgate::call(&evil(), "ok").home(home.path()).run()
}

/// The file with the code of the hostile guest, found by what is compiled first.
fn code_of_evil(home: &Home) -> PathBuf {
    assert!(home.code_files().is_empty());
    assert_eq!(call(home).good(), "ok");
    let [file] = home.code_files().try_into().unwrap();
    file
}

/// Does something to the code of the hostile guest; it has to be noticed, said, and made good.
fn is_made_again(damage: impl FnOnce(&Home, &PathBuf)) -> Ended {
    let home = Home::empty();
    let file = code_of_evil(&home);
    let before = fs::read(&file).unwrap();
    damage(&home, &file);
    let ended = call(&home);
    assert_eq!(ended.good(), "ok");
    assert!(ended.stderr.contains("is damaged or was not made by this machine; it is compiled again"), "{ended}");
    assert_eq!(fs::read(&file).unwrap().len(), before.len());
    home.assert_tidy();
    // And the next call finds it.
    assert_eq!(call(&home).stderr, "");
    ended
}

#[test]
fn code_is_compiled_once() {
    let home = Home::empty();
    let file = code_of_evil(&home);
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(call(&home).stderr, "");
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
}

#[test]
fn code_and_key_are_their_owners_alone() {
    let home = Home::empty();
    let file = code_of_evil(&home);
    for (path, mode) in [(home.key(), 0o600), (file, 0o600), (home.code(), 0o700), (home.path().join("data"), 0o700)] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let home = Home::empty();
    let file = code_of_evil(&home);
    let good = fs::read(&file).unwrap();
    // In the mark, the seal, the first bytes of the code, its middle, and its end.
    for position in [0, 15, 16, 47, 48, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[position] ^= 1;
        fs::write(&file, bytes).unwrap();
        let ended = call(&home);
        assert_eq!(ended.good(), "ok");
        assert!(ended.stderr.contains("it is compiled again"), "flipped at {position}: {ended}");
        assert_eq!(fs::read(&file).unwrap(), good, "flipped at {position}");
    }
}

#[test]
fn code_that_is_cut_off_is_made_again() {
    for length in [0, 1, 16, 47, 48, 100_000] {
        is_made_again(|_, file| fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap());
    }
}

#[test]
fn code_that_is_longer_than_it_was_is_made_again() {
    is_made_again(|_, file| {
        let mut bytes = fs::read(file).unwrap();
        bytes.push(0);
        fs::write(file, bytes).unwrap();
    });
}

#[test]
fn code_of_another_machine_is_made_again() {
    let other = Home::empty();
    let foreign = fs::read(code_of_evil(&other)).unwrap();
    is_made_again(|_, file| fs::write(file, &foreign).unwrap());
}

#[test]
fn code_of_another_component_is_not_taken_for_its_own() {
    let home = Home::empty();
    let file = code_of_evil(&home);
    Lockgate::new("tools").arg(time()).home(home.path()).run().good();
    let of_time = home.code_files().into_iter().find(|path| *path != file).unwrap();
    // Both are good files of this machine.
    fs::copy(&of_time, &file).unwrap();
    let ended = call(&home);
    assert_eq!(ended.good(), "ok");
    assert!(ended.stderr.contains("it is compiled again"), "{ended}");
}

#[test]
fn a_folder_in_the_place_of_code_does_not_stop_a_call() {
    let home = Home::empty();
    let file = code_of_evil(&home);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let ended = call(&home);
    assert_eq!(ended.good(), "ok");
    assert!(ended.stderr.contains("cannot be kept"), "{ended}");
    home.assert_tidy();
}

#[test]
fn a_fifo_in_the_place_of_a_file_is_not_waited_for() {
    let home = Home::empty();
    let code = code_of_evil(&home);
    let fifo_at = |path: &PathBuf| {
        fs::remove_file(path).unwrap();
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    };
    fifo_at(&code);
    assert_eq!(call(&home).good(), "ok");
    fs::remove_file(&code).unwrap();
    fifo_at(&code.with_extension("lock"));
    assert_eq!(call(&home).good(), "ok");
    fifo_at(&home.key());
    call(&home).failed(1);
}

#[test]
fn a_file_in_the_place_of_the_cache_does_not_stop_a_call() {
    let home = Home::empty();
    code_of_evil(&home);
    fs::remove_dir_all(home.path().join("cache")).unwrap();
    fs::write(home.path().join("cache"), "").unwrap();
    let ended = call(&home);
    assert_eq!(ended.good(), "ok");
    insta::assert_snapshot!(ended);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for mode in [0o644, 0o640, 0o604, 0o620] {
        let home = Home::warm();
        fs::set_permissions(home.key(), Permissions::from_mode(mode)).unwrap();
        let ended = call(&home);
        ended.failed(1);
        insta::assert_snapshot!("a_key_that_others_can_read_is_refused", ended);
    }
}

#[test]
fn a_key_of_the_wrong_length_is_refused() {
    let home = Home::warm();
    fs::write(home.key(), "short").unwrap();
    let ended = call(&home);
    ended.failed(1);
    insta::assert_snapshot!(ended);
}

#[test]
fn a_folder_in_the_place_of_the_key_is_refused() {
    let home = Home::empty();
    fs::create_dir_all(home.key()).unwrap();
    let ended = call(&home);
    ended.failed(1);
    insta::assert_snapshot!(ended);
}

#[test]
fn a_home_that_cannot_be_made_is_an_error() {
    let ended = Lockgate::call(&evil(), "ok").home("/dev/null/home").run();
    ended.failed(1);
    insta::assert_snapshot!(ended);
}

#[test]
fn a_new_key_makes_all_code_foreign() {
    is_made_again(|home, _| fs::remove_file(home.key()).unwrap());
}

#[test]
fn a_link_in_the_place_of_code_leads_to_no_foreign_code() {
    let other = Home::empty();
    let foreign = code_of_evil(&other);
    is_made_again(|_, file| {
        fs::remove_file(file).unwrap();
        symlink(&foreign, file).unwrap();
    });
    // What it led to was not written through.
    assert_eq!(call(&other).stderr, "");
}

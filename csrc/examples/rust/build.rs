//! Finds the static library: in RELU_FAST_LIB_DIR, else where `relu-fast-config` says.
use std::{env, process::Command};

fn main() {
    println!("cargo:rerun-if-env-changed=RELU_FAST_LIB_DIR");
    let folder = env::var("RELU_FAST_LIB_DIR").unwrap_or_else(|_| {
        let output = Command::new("relu-fast-config").arg("--libdir").output();
        let output = output.expect("set RELU_FAST_LIB_DIR, or have relu-fast-config on the PATH");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    });
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rustc-link-lib=static=relu_fast");
    println!("cargo:rustc-link-lib=pthread");
    println!("cargo:rustc-link-lib=m");
}

//! Numbers from standard input, one row a line, through relu; prints the rows and how often each column fired.
//! What is used of relu_fast.h is declared here by hand.
use std::ffi::{c_char, c_int, c_void, CStr};
use std::io::{self, BufRead};
use std::mem::size_of;
use std::ptr;

const ABI_VERSION: c_int = 1000;
const RELU: c_int = 0;
const FLOAT64: c_int = 1;

#[repr(C)]
struct Shape {
    outer: usize,
    units: usize,
    inner: usize,
}

#[repr(C)]
struct UnitCounts {
    active: *mut i64,
    nonfinite: *mut i64,
    max: *mut f64,
    min: *mut f64,
    sum_abs: *mut f64,
}

#[repr(C)]
struct UnitsForwardArgs {
    activation: c_int,
    dtype: c_int,
    shape: Shape,
    z: *const c_void,
    z_step: isize,
    y: *mut c_void,
    y_step: isize,
    bias: *const c_void,
    params: [*const c_void; 2],
    param_per_unit: [c_int; 2],
    counts: UnitCounts,
    mask: *mut u8,
}

extern "C" {
    fn rf_abi_check(abi_version: c_int) -> c_int;
    fn rf_strerror(status: c_int) -> *const c_char;
    fn rf_units_forward(args: *const UnitsForwardArgs) -> c_int;
}

fn checked(status: c_int) -> Result<(), String> {
    match status {
        0 => Ok(()),
        _ => Err(unsafe { CStr::from_ptr(rf_strerror(status)) }.to_string_lossy().into_owned()),
    }
}

/// relu in place over rows of `active.len()` numbers; adds to `active` how often each column was positive.
fn relu(rows: &mut [f64], active: &mut [i64]) -> Result<(), String> {
    let units = active.len();
    assert!(units > 0 && rows.len() % units == 0);
    let step = (units * size_of::<f64>()) as isize;
    let args = UnitsForwardArgs {
        activation: RELU,
        dtype: FLOAT64,
        shape: Shape { outer: rows.len() / units, units, inner: 1 },
        z: rows.as_ptr().cast(),
        z_step: step,
        y: rows.as_mut_ptr().cast(),
        y_step: step,
        bias: ptr::null(),
        params: [ptr::null(); 2],
        param_per_unit: [0; 2],
        counts: UnitCounts {
            active: active.as_mut_ptr(),
            nonfinite: ptr::null_mut(),
            max: ptr::null_mut(),
            min: ptr::null_mut(),
            sum_abs: ptr::null_mut(),
        },
        mask: ptr::null_mut(),
    };
    checked(unsafe { rf_units_forward(&args) })
}

fn main() -> Result<(), String> {
    checked(unsafe { rf_abi_check(ABI_VERSION) })?;
    let mut rows = Vec::new();
    let mut units = 0;
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let row: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        let row = row.map_err(|e| format!("{line:?}: {e}"))?;
        if units == 0 {
            units = row.len();
        }
        if row.is_empty() || row.len() != units {
            return Err(format!("{line:?}: expected {units} numbers"));
        }
        rows.extend(row);
    }
    let mut active = vec![0; units];
    if units > 0 {
        relu(&mut rows, &mut active)?;
        for row in rows.chunks(units) {
            println!("{}", row.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
        }
    }
    println!("fired {}", active.iter().map(i64::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}

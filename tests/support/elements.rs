//! The programs of tests/golden/elements.bin (see make_elements.py), run with hyperslab.

use super::oracle::{Oracle, binary_named, chunks, read_golden, unary_named};
use hyperslab::array::{
    Array, Bound, Chosen, IndexMode, Operand, meshgrid, ravel_multi_index, select, unravel_index,
};
use hyperslab::driver::Driver;
use hyperslab::dtype::{DType, Scalar};
use std::sync::OnceLock;

/// The file, read once.
pub fn elements() -> &'static Oracle {
    static ELEMENTS: OnceLock<Oracle> = OnceLock::new();
    ELEMENTS.get_or_init(|| read_golden("elements.bin"))
}

fn integers<T: std::str::FromStr>(text: &str) -> Vec<T> {
    text.split(',').filter_map(|t| t.parse().ok()).collect()
}

fn number(text: &str) -> Scalar {
    match text.parse::<i64>() {
        Ok(value) => Scalar::I64(value),
        Err(_) => Scalar::F64(text.parse().unwrap()),
    }
}

fn option(text: &str) -> Option<f64> {
    (!text.is_empty()).then(|| number(text).as_f64())
}

fn bound(text: &str) -> Bound {
    match text {
        "" => ().into(),
        text => number(text).into(),
    }
}

/// A program over the inputs, in chunks of `variant`.
pub fn build(driver: &Driver, program: &str, variant: usize) -> Array {
    let mut stack: Vec<Operand> = Vec::new();
    for token in program.split_whitespace() {
        if let Some(text) = token.strip_prefix('#') {
            stack.push(number(text).into());
            continue;
        }
        if let Some(block) = elements().inputs.get(token) {
            let array = driver.from_block(block.clone());
            stack.push(match chunks(block.shape(), variant) {
                Some(chunk) => array.chunk(&chunk).into(),
                None => array.into(),
            });
            continue;
        }
        let (name, rest) = token.split_once(':').unwrap_or((token, ""));
        let args: Vec<&str> = rest.split(':').collect();
        let int = |at: usize| args[at].parse::<isize>().unwrap();
        let flag = |at: usize| args[at] == "1";
        let made = match name {
            "arange" => driver.arange(number(args[0]), number(args[1]), number(args[2])),
            "linspace" => {
                let (start, stop) = (number(args[0]).as_f64(), number(args[1]).as_f64());
                driver.linspace(start, stop, int(2) as usize, flag(3))
            }
            "eye" => driver.eye(int(0) as usize, Some(int(1) as usize), int(2)),
            "tri" => driver.tri(int(0) as usize, Some(int(1) as usize), int(2)),
            "indices" => driver.indices(&integers(args[0])),
            "tril_indices" | "triu_indices" => {
                let (n, k, m) = (int(0) as usize, int(1), Some(int(2) as usize));
                let [rows, columns] = match name {
                    "tril_indices" => driver.tril_indices(n, k, m),
                    _ => driver.triu_indices(n, k, m),
                };
                if args[3] == "0" { rows } else { columns }
            }
            "fromfunction" => {
                let f = |x: &[Array]| &x[0] * 2.5 - &x[1];
                driver.fromfunction(f, &integers(args[0]), DType::F64)
            }
            _ => {
                let Some(Operand::Array(top)) = stack.pop().map(|top| match top {
                    Operand::Weak(value) => driver.full(&[], value).into(),
                    array => array,
                }) else {
                    panic!("nothing before {token} in {program}")
                };
                let weak = |array: &Array| -> Operand {
                    match program.contains('#') && array.ndim() == 0 {
                        true => Operand::Weak(array.item().unwrap()),
                        false => array.into(),
                    }
                };
                let mut below = || match stack.pop() {
                    Some(Operand::Array(array)) => array,
                    other => panic!("{other:?} before {token} in {program}"),
                };
                match name {
                    "full_like" => top.full_like(number(args[0])),
                    "zeros_like" => top.zeros_like(),
                    "ones_like" => top.ones_like(),
                    "tril" => top.tril(int(0)),
                    "triu" => top.triu(int(0)),
                    "diag" => top.diag(int(0)),
                    "diagonal" => top.diagonal(int(0), int(1), int(2)),
                    "meshgrid" => meshgrid(&[&below(), &top], args[0])[int(1) as usize].clone(),
                    "round" => top.round(int(0) as i32),
                    "clip" => top.clip(bound(args[0]), bound(args[1])),
                    "nan_to_num" => {
                        top.nan_to_num(number(args[0]).as_f64(), option(args[1]), option(args[2]))
                    }
                    "isin" => {
                        let values: Vec<Scalar> = args[0]
                            .split(',')
                            .filter(|t| !t.is_empty())
                            .map(number)
                            .collect();
                        top.isin(&values)
                    }
                    "select" => {
                        let x = below();
                        let (low, high) = (x.lt(0), x.gt(5));
                        let choices = [Operand::from(&x), top.into()];
                        select(&[&low, &high], &choices, number(args[0])).unwrap()
                    }
                    "modf" | "frexp" => {
                        let (one, two) = if name == "modf" {
                            top.modf()
                        } else {
                            top.frexp()
                        };
                        if args[0] == "0" { one } else { two }
                    }
                    "notnull" => top.notnull(),
                    "ediff1d" => top.ediff1d(None, None),
                    "ediff1d_ends" => {
                        let end = below();
                        below().ediff1d(Some(&end), Some(&top))
                    }
                    "choose" => {
                        let (y, x) = (below(), below());
                        let choices = [x.into(), y.into(), top.into()];
                        below().choose(&choices, args[0].parse().unwrap())
                    }
                    "piecewise" => {
                        let conditions = [top.lt(0), top.gt(5), top.gt(8)];
                        let mut choices = vec![
                            Chosen::function(|x| x.negative()),
                            2.5.into(),
                            Chosen::function(|x| x.add(1)),
                        ];
                        if flag(0) {
                            choices.push(7.into());
                        }
                        top.piecewise(&conditions.each_ref(), &choices)
                    }
                    "rollaxis" => top.rollaxis(int(0), int(1)),
                    "ravel_multi_index" => {
                        let modes: Vec<IndexMode> =
                            args[1].split(',').map(|m| m.parse().unwrap()).collect();
                        let (dims, order) = (integers(args[0]), args[2] == "F");
                        ravel_multi_index(&[&below(), &top], &dims, &modes, order).unwrap()
                    }
                    "unravel_index" => {
                        let made = unravel_index(&top, &integers(args[0]), args[1] == "F");
                        made.unwrap()[int(2) as usize].clone()
                    }
                    "divmod" => {
                        let (quotient, rest) = below().divmod(weak(&top));
                        if args[0] == "0" { quotient } else { rest }
                    }
                    "isclose" | "allclose" => {
                        let (rtol, atol) = (number(args[0]).as_f64(), number(args[1]).as_f64());
                        match name {
                            "isclose" => below().isclose(&top, rtol, atol, flag(2)),
                            _ => below().allclose(&top, rtol, atol, flag(2)),
                        }
                    }
                    "ptp" => top.ptp(&integers(args[0])),
                    "count_nonzero" => top.count_nonzero(&integers(args[0])),
                    "average" => top.average(&integers(args[0]), None),
                    "weighted" => below().average(&integers(args[0]), Some(&top)),
                    "cov" => top.cov(flag(0), int(1) as u32),
                    "corrcoef" => top.corrcoef(flag(0)),
                    "moment" => top.moment(int(0) as u32, &integers(args[1])),
                    "skew" => top.skew(&integers(args[0]), flag(1)),
                    "kurtosis" => top.kurtosis(&integers(args[0]), flag(1), flag(2)),
                    _ => match (binary_named(name), unary_named(name)) {
                        (Some(op), _) => below().binary(op, &weak(&top)),
                        (None, Some(op)) => top.unary(op),
                        _ => panic!("unknown word {token} in {program}"),
                    },
                }
            }
        };
        stack.push(made.into());
    }
    match (stack.pop(), stack.is_empty()) {
        (Some(Operand::Array(array)), true) => array,
        (other, _) => panic!("{other:?} is left of {program}"),
    }
}

//! The one serial form of state: frontier, exact mode, fingerprints.
//!
//! Equal encodings mean equal futures: what can never matter again is left out, and what only its order or its presence
//! decides is written as such. Numbers are LEB128, so that small states are short.

use super::payload::{Payload, Run};
use smallvec::SmallVec;

/// A value that can be written canonically and read back.
pub trait Canon: Sized {
    /// Appends the canonical form.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads what [`Canon::encode`] wrote, and moves `input` on.
    ///
    /// # Panics
    ///
    /// On bytes that `encode` did not write: they come from this process only.
    fn decode(input: &mut &[u8]) -> Self;
}

/// Appends a number.
#[inline]
pub fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads a number.
#[inline]
pub fn get(input: &mut &[u8]) -> u64 {
    let (mut n, mut shift) = (0, 0);
    loop {
        let byte = input[0];
        *input = &input[1..];
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return n;
        }
        shift += 7;
    }
}

macro_rules! canon_number {
    ($($ty:ty)*) => { $(
        impl Canon for $ty {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                put(out, u64::from(*self));
            }
            #[inline]
            fn decode(input: &mut &[u8]) -> Self {
                get(input) as $ty
            }
        }
    )* };
}
canon_number!(u8 u16 u32 u64);

/// Zig-zag, so that small negative numbers are short too.
impl Canon for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, ((self << 1) ^ (self >> 63)) as u64);
    }
    fn decode(input: &mut &[u8]) -> Self {
        let n = get(input);
        (n >> 1) as i64 ^ -((n & 1) as i64)
    }
}

impl Canon for i16 {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        i64::from(*self).encode(out);
    }
    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        i64::decode(input) as i16
    }
}

impl Canon for i32 {
    fn encode(&self, out: &mut Vec<u8>) {
        i64::from(*self).encode(out);
    }
    fn decode(input: &mut &[u8]) -> Self {
        i64::decode(input) as i32
    }
}

impl Canon for super::Return {
    fn encode(&self, out: &mut Vec<u8>) {
        match self.ret {
            Ok(n) => {
                out.push(0);
                n.encode(out);
            }
            Err(errno) => {
                out.push(1);
                put(out, errno.0.into());
            }
        }
        self.data.encode(out);
        self.extra.encode(out);
    }
    fn decode(input: &mut &[u8]) -> Self {
        let ret = match get(input) {
            0 => Ok(i64::decode(input)),
            _ => Err(super::Errno(get(input) as u16)),
        };
        super::Return { ret, data: Payload::decode(input), extra: SmallVec::decode(input) }
    }
}

impl Canon for bool {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        get(input) != 0
    }
}

impl<T: Canon> Canon for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode(out);
            }
        }
    }
    fn decode(input: &mut &[u8]) -> Self {
        (get(input) != 0).then(|| T::decode(input))
    }
}

impl<T: Canon> Canon for Vec<T> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.len() as u64);
        for item in self {
            item.encode(out);
        }
    }
    fn decode(input: &mut &[u8]) -> Self {
        let len = get(input);
        (0..len).map(|_| T::decode(input)).collect()
    }
}

impl<T: Canon, const N: usize> Canon for SmallVec<[T; N]> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.len() as u64);
        for item in self {
            item.encode(out);
        }
    }
    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        let len = get(input) as usize;
        let mut list = SmallVec::with_capacity(len);
        for _ in 0..len {
            list.push(T::decode(input));
        }
        list
    }
}

impl<A: Canon, B: Canon> Canon for (A, B) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }
    fn decode(input: &mut &[u8]) -> Self {
        (A::decode(input), B::decode(input))
    }
}

impl Canon for Payload {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.runs().len() as u64);
        for run in self.runs() {
            put(out, run.what.into());
            put(out, run.len.into());
        }
    }
    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        let mut payload = Payload::new();
        for _ in 0..get(input) {
            payload.push(Run { what: get(input) as u32, len: get(input) as u32 });
        }
        payload
    }
}

/// `Canon` for a struct: its fields, in the order given.
macro_rules! canon_struct {
    ($ty:ident { $($field:ident),* $(,)? }) => {
        impl $crate::kernel::canon::Canon for $ty {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                let $ty { $($field),* } = self;
                $($crate::kernel::canon::Canon::encode($field, out);)*
            }
            #[inline]
            fn decode(input: &mut &[u8]) -> Self {
                $(let $field = $crate::kernel::canon::Canon::decode(input);)*
                $ty { $($field),* }
            }
        }
    };
}

/// `Canon` for an enum: the number of the variant, then its fields.
macro_rules! canon_enum {
    ($ty:ident { $($tag:literal => $variant:ident $(($($tuple:ident),*))? $({$($field:ident),*})?,)* }) => {
        impl $crate::kernel::canon::Canon for $ty {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $($ty::$variant $(($($tuple),*))? $({$($field),*})? => {
                        out.push($tag);
                        $($($crate::kernel::canon::Canon::encode($tuple, out);)*)?
                        $($($crate::kernel::canon::Canon::encode($field, out);)*)?
                    })*
                }
            }
            #[inline]
            fn decode(input: &mut &[u8]) -> Self {
                match $crate::kernel::canon::get(input) {
                    $($tag => {
                        $($(let $tuple = $crate::kernel::canon::Canon::decode(input);)*)?
                        $($(let $field = $crate::kernel::canon::Canon::decode(input);)*)?
                        $ty::$variant $(($($tuple),*))? $({$($field),*})?
                    })*
                    tag => unreachable!("no variant {tag} of {}", stringify!($ty)),
                }
            }
        }
    };
}

/// `Canon` for a set of flags: its bits.
macro_rules! canon_flags {
    ($($ty:ident)*) => { $(
        impl $crate::kernel::canon::Canon for $ty {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                self.bits().encode(out);
            }
            #[inline]
            fn decode(input: &mut &[u8]) -> Self {
                $ty::from_bits_retain($crate::kernel::canon::Canon::decode(input))
            }
        }
    )* };
}

/// `Clone` whose `clone_from` keeps the allocations of the fields, which the derived one does not: the journal lives on it.
macro_rules! clone_reusing {
    ($ty:ident { $($field:ident),* $(,)? }) => {
        impl Clone for $ty {
            fn clone(&self) -> Self {
                $ty { $($field: self.$field.clone()),* }
            }
            #[inline]
            fn clone_from(&mut self, from: &Self) {
                let $ty { $($field),* } = self;
                $($field.clone_from(&from.$field);)*
            }
        }
    };
}

pub(crate) use {canon_enum, canon_flags, canon_struct, clone_reusing};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip<T: Canon + PartialEq + std::fmt::Debug>(value: T) {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        let mut rest = &bytes[..];
        assert_eq!(T::decode(&mut rest), value);
        assert!(rest.is_empty());
    }

    proptest! {
        #[test]
        fn numbers_and_lists_round_trip(n: u64, i: i64, list: Vec<(u32, bool)>, maybe: Option<u8>) {
            round_trip(n);
            round_trip(i);
            round_trip(list);
            round_trip(maybe);
        }
    }
}

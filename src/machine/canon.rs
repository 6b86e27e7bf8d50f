//! The serial form of what a program adds to the state: cursors and values.

use crate::{
    kernel::{
        CallKind, Errno, Payload,
        canon::{Canon, canon_enum, canon_struct, get, put},
    },
    program::{CallResult, Cursor, Halt, HandlerFrame, Value},
};

canon_struct!(HandlerFrame { pc, handler, begun });
canon_enum!(Halt { 0 => Assertion(pc), 1 => Expectation(pc), 2 => BadArgument(pc), 3 => Spinning(pc), });

impl Canon for Cursor {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.pc.into());
        self.locals.encode(out);
        self.halt.encode(out);
        self.frames.encode(out);
    }
    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        Cursor {
            pc: get(input) as u32,
            locals: Vec::decode(input),
            halt: Option::decode(input),
            frames: Vec::decode(input),
        }
    }
}

impl Canon for Value {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Value::None => out.push(0),
            Value::Int(n) => {
                out.push(1);
                n.encode(out);
            }
            Value::Bytes(bytes) => {
                out.push(2);
                bytes.encode(out);
            }
            Value::Errno(errno) => {
                out.push(3);
                errno.encode(out);
            }
            Value::Eof => out.push(4),
            Value::AnyFd => out.push(5),
            Value::AnyId => out.push(7),
            Value::AnyAddr => out.push(11),
            Value::Object(object) => {
                out.push(8);
                object.encode(out);
            }
            Value::List(list) => {
                out.push(10);
                list.encode(out);
            }
            Value::Result(r) => {
                out.push(6);
                out.push(r.call as u8);
                match r.ret {
                    Ok(n) => {
                        out.push(0);
                        n.encode(out);
                    }
                    Err(errno) => {
                        out.push(1);
                        errno.encode(out);
                    }
                }
                r.data.encode(out);
                r.extra.encode(out);
            }
            Value::Memory(path) => {
                out.push(9);
                path.encode(out);
            }
        }
    }

    fn decode(input: &mut &[u8]) -> Self {
        match get(input) {
            0 => Value::None,
            1 => Value::Int(i64::decode(input)),
            2 => Value::Bytes(Payload::decode(input)),
            3 => Value::Errno(Errno::decode(input)),
            4 => Value::Eof,
            5 => Value::AnyFd,
            7 => Value::AnyId,
            11 => Value::AnyAddr,
            8 => Value::Object(u16::decode(input)),
            9 => Value::Memory(u16::decode(input)),
            10 => Value::List(Canon::decode(input)),
            _ => {
                let call = CallKind::ALL[get(input) as usize].1;
                let ret = if get(input) == 0 { Ok(i64::decode(input)) } else { Err(Errno::decode(input)) };
                Value::Result(Box::new(CallResult {
                    call,
                    ret,
                    data: Payload::decode(input),
                    extra: Canon::decode(input),
                }))
            }
        }
    }
}

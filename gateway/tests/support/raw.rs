//! For tests: clients that speak HTTP/2 by hand, as badly as they are told to.
//!
//! Invariant: nothing is read, and no ping is answered, unless a test asks for it. What is sent is
//! RFC 9113 and 7541 to the letter, as far as it goes. Not here: clients that behave.
#![allow(dead_code, reason = "each user takes its part")]

use std::net::SocketAddr;

use prost::Message;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The largest window there can be.
const WINDOW_MAX: u32 = i32::MAX as u32;
/// What every connection may be sent before it says more.
const WINDOW_FIRST: u32 = 65_535;
/// How much a socket takes in without being read, about: as little as there can be.
const SOCKET_BYTES: u32 = 4_096;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// What every client begins with; this one takes as much as can be offered, so that nothing but
/// its socket holds the server back.
pub fn beginning() -> Vec<u8> {
    let mut window = 4_u16.to_be_bytes().to_vec();
    window.extend(WINDOW_MAX.to_be_bytes());
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &window));
    let more = (WINDOW_MAX - WINDOW_FIRST).to_be_bytes();
    bytes.extend(frame(WINDOW_UPDATE, 0, 0, &more));
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).expect("short"));
    bytes.extend(text.as_bytes());
}

/// The head of a call of `method` ("Service/Method").
pub fn head(stream: u32, method: &str) -> Vec<u8> {
    // Indexed: POST, http; by indexed name: path, authority, content type.
    let mut block = vec![0x83, 0x86, 0x04];
    text(&mut block, &format!("/sanjiang.v1.{method}"));
    block.push(0x01);
    text(&mut block, "localhost");
    block.extend([0x0f, 0x10]);
    text(&mut block, "application/grpc");
    block.push(0x00);
    text(&mut block, "te");
    text(&mut block, "trailers");
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// A message of a stream that goes on.
pub fn message(stream: u32, message: &impl Message) -> Vec<u8> {
    frame(DATA, 0, stream, &prefixed(message))
}

/// The only message of a call.
pub fn last_message(stream: u32, message: &impl Message) -> Vec<u8> {
    frame(DATA, END_STREAM, stream, &prefixed(message))
}

/// Half a message: its length says more than follows.
pub fn half_message(stream: u32) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(1_000_u32.to_be_bytes());
    bytes.extend([0; 500]);
    frame(DATA, 0, stream, &bytes)
}

fn prefixed(message: &impl Message) -> Vec<u8> {
    let encoded = message.encode_to_vec();
    let mut bytes = vec![0];
    bytes.extend((encoded.len() as u32).to_be_bytes());
    bytes.extend(encoded);
    bytes
}

/// A connection that has said `bytes`, and reads nothing.
pub async fn connection(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .set_recv_buffer_size(SOCKET_BYTES)
        .expect("a small socket");
    let mut stream = socket.connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("it is taken");
    stream
}

/// Something half said, of kind `number`: nothing, half a preface, half a frame of settings, half
/// a head, half a message, a message of a session that never comes.
pub fn half(number: usize) -> Vec<u8> {
    let begun = beginning();
    let call = head(1, "OrderEntry/SubmitOrder");
    match number % HALVES {
        0 => Vec::new(),
        1 => PREFACE[..12].to_vec(),
        2 => begun[..PREFACE.len() + 11].to_vec(),
        3 => [&begun[..], &call[..call.len() / 2]].concat(),
        4 => [&begun[..], &call[..], &half_message(1)[..]].concat(),
        _ => [&begun[..], &head(1, "OrderEntry/Session")[..]].concat(),
    }
}

/// How many kinds of half there are.
pub const HALVES: usize = 6;
/// Those of them that have not begun.
pub const HALVES_NOT_BEGUN: usize = 3;

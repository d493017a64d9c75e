//! Connections as they come in: without delay, so many at a time, and none that never begins.
//!
//! A client begins by 24 fixed bytes and one frame of settings (RFC 9113, 3.4). Until then hyper
//! sends no ping, so a peer that says half of it would hold its place for ever. Therefore it has
//! [`Limits::begin_within`] to begin; and when every place is taken, the oldest connection that has
//! not begun gives its place to the newcomer at once. So connections that never begin keep nobody
//! out, however many they are.
//!
//! Invariant: at most the given number is open, beside those that are being closed; where all of
//! them have begun, one more is closed at once, so that a client sees it rather than waits. A
//! listener that cannot accept (no file descriptor is free) is asked again after a pause. Not here:
//! peers that die after they began (hyper's pings), sessions and streams.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Sleep, sleep};
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// The fixed bytes every client begins with.
const PREFACE_BYTES: usize = 24;
/// The head of a frame; its first three bytes are the length of what follows.
const FRAME_HEAD_BYTES: usize = 9;
/// How long a listener that could not accept is left alone.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What connections are held to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many at a time.
    pub connections_max: usize,
    /// How long one may take to begin.
    pub begin_within: Duration,
}

/// The places of connections, and what became of those who came.
#[derive(Debug)]
pub struct Places {
    limits: Limits,
    free: Arc<Semaphore>,
    /// Those that have not begun, by age.
    waiting: Mutex<BTreeMap<u64, Waiting>>,
    accepted: AtomicU64,
    refused: AtomicU64,
    displaced: AtomicU64,
    expired: AtomicU64,
}

/// One that has not begun: its place, and the word that it lost it.
#[derive(Debug)]
struct Waiting {
    place: OwnedSemaphorePermit,
    displace: oneshot::Sender<()>,
}

impl Places {
    /// All places free.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            free: Arc::new(Semaphore::new(limits.connections_max)),
            waiting: Mutex::default(),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            displaced: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        })
    }

    /// How many there are.
    pub const fn connections_max(&self) -> usize {
        self.limits.connections_max
    }

    /// How many are taken now.
    pub fn taken(&self) -> usize {
        self.limits.connections_max - self.free.available_permits()
    }

    /// How many of them are held by connections that have not begun.
    pub fn not_begun(&self) -> usize {
        self.lock().len()
    }

    /// Connections given a place since the start.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections closed at once for want of a place since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Connections that had not begun and gave their place to a newcomer since the start.
    pub fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    /// Connections that did not begin in time since the start.
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a newcomer a place, if need be that of the oldest that has not begun.
    fn admit<S>(self: &Arc<Self>, stream: S) -> Option<Connection<S>> {
        let mut waiting = self.lock();
        let place = if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            place
        } else if let Some((_, oldest)) = waiting.pop_first() {
            self.displaced.fetch_add(1, Ordering::Relaxed);
            // It may have ended by itself in between.
            let _ = oldest.displace.send(());
            oldest.place
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        let (displace, displaced) = oneshot::channel();
        waiting.insert(number, Waiting { place, displace });
        Some(Connection {
            stream,
            standing: Standing::Beginning(Box::new(Beginning {
                number,
                places: Arc::clone(self),
                seen: 0,
                length: [0; 3],
                deadline: Box::pin(sleep(self.limits.begin_within)),
                displaced,
            })),
        })
    }
}

/// An open connection; its place is free again when it is dropped.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    standing: Standing,
}

#[derive(Debug)]
enum Standing {
    Beginning(Box<Beginning>),
    Begun(#[expect(dead_code, reason = "kept until the end")] OwnedSemaphorePermit),
    /// Its place is gone.
    Lost,
}

/// What a client has said so far.
#[derive(Debug)]
struct Beginning {
    number: u64,
    places: Arc<Places>,
    /// Bytes read.
    seen: usize,
    /// The length of the first frame, as far as it was read; big endian.
    length: [u8; 3],
    deadline: Pin<Box<Sleep>>,
    displaced: oneshot::Receiver<()>,
}

impl Beginning {
    /// Whether it may go on.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if Pin::new(&mut self.displaced).poll(context).is_ready() {
            let text = "every place is taken, and this connection had not begun";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, text));
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            self.places.expired.fetch_add(1, Ordering::Relaxed);
            let text = "the connection did not begin in time";
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        Ok(())
    }

    /// Takes note of bytes; whether it has begun.
    fn note(&mut self, bytes: &[u8]) -> bool {
        let from = self.seen;
        for (place, byte) in (from..).zip(bytes) {
            let digit = place.checked_sub(PREFACE_BYTES);
            if let Some(digit) = digit.and_then(|digit| self.length.get_mut(digit)) {
                *digit = *byte;
            }
        }
        self.seen = from.saturating_add(bytes.len());
        let [high, middle, low] = self.length;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        self.seen >= PREFACE_BYTES + FRAME_HEAD_BYTES + length
    }

    /// The place, for good; none if it was just given away.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        let waiting = self.places.lock().remove(&self.number)?;
        Some(waiting.place)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        drop(self.place());
    }
}

/// The connections of a listener.
#[derive(Debug)]
pub struct Bounded {
    listener: TcpListener,
    places: Arc<Places>,
    /// Set after a listener could not accept.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Bounded {
    /// The connections of this listener, as many as there are places.
    pub const fn new(listener: TcpListener, places: Arc<Places>) -> Self {
        Self {
            listener,
            places,
            pause: None,
        }
    }
}

impl Stream for Bounded {
    type Item = io::Result<Connection<TcpStream>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(context)) {
                Ok((stream, _)) => {
                    // Nagle's algorithm costs a unary call 50 ms; a stream without it still works.
                    let _ = stream.set_nodelay(true);
                    if let Some(connection) = self.places.admit(stream) {
                        return Poll::Ready(Some(Ok(connection)));
                    }
                }
                // No descriptor is free, or one ended before it was accepted. The first stays so
                // for a while, and asking without a pause would take a whole core.
                Err(_) => self.pause = Some(Box::pin(sleep(ACCEPT_AGAIN))),
            }
        }
    }
}

impl Connected for Connection<TcpStream> {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Standing::Beginning(beginning) = &mut this.standing {
            beginning.check(context)?;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if let Standing::Beginning(beginning) = &mut this.standing {
            let read = buffer.filled().get(before..).unwrap_or_default();
            if beginning.note(read) {
                this.standing = match beginning.place() {
                    Some(place) => Standing::Begun(place),
                    None => Standing::Lost,
                };
            }
        }
        if matches!(this.standing, Standing::Lost) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// The fixed bytes, and a frame of settings with one setting.
    const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
        \x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64";

    fn places(connections_max: usize) -> Arc<Places> {
        Places::new(Limits {
            connections_max,
            begin_within: Duration::from_secs(10),
        })
    }

    fn comes(places: &Arc<Places>) -> Option<(Connection<DuplexStream>, DuplexStream)> {
        let (here, there) = duplex(1_024);
        Some((places.admit(here)?, there))
    }

    async fn begin((connection, peer): &mut (Connection<DuplexStream>, DuplexStream)) {
        peer.write_all(BEGINNING).await.expect("room");
        let mut read = vec![0; BEGINNING.len()];
        connection.read_exact(&mut read).await.expect("it begins");
        assert_eq!(read, BEGINNING, "nothing of it is kept back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_half_of_its_beginning_is_closed_in_time() {
        let places = places(100);
        for said in 0..BEGINNING.len() {
            let (mut connection, mut peer) = comes(&places).expect("a place");
            peer.write_all(&BEGINNING[..said]).await.expect("room");
            let mut read = vec![0; BEGINNING.len()];
            let before = tokio::time::Instant::now();
            let error = connection.read_exact(&mut read).await.expect_err("half");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{said} bytes");
            // The clock of this test runs only while nobody has anything to do.
            assert_eq!(before.elapsed().as_secs(), 10);
        }
        assert_eq!((places.taken(), places.not_begun()), (0, 0));
        assert_eq!(places.expired(), BEGINNING.len() as u64);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_begun_may_be_silent_for_as_long_as_it_likes() {
        let places = places(1);
        let mut came = comes(&places).expect("a place");
        begin(&mut came).await;
        let (mut connection, mut peer) = came;
        let reads = tokio::spawn(async move { connection.read_u8().await });
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        peer.write_u8(7).await.expect("room");
        assert_eq!(reads.await.expect("it ends").expect("a byte"), 7);
        assert_eq!(places.taken(), 0);
    }

    #[tokio::test]
    async fn connections_that_never_begin_keep_nobody_out() {
        let places = places(4);
        let mut begun = comes(&places).expect("a place");
        begin(&mut begun).await;
        let half: Vec<_> = (0..100).map(|_| comes(&places).expect("a place")).collect();
        assert_eq!((places.taken(), places.not_begun()), (4, 3));
        assert_eq!((places.displaced(), places.refused()), (97, 0));
        let mut newcomer = comes(&places).expect("a place of one that has not begun");
        begin(&mut newcomer).await;
        for (mut connection, _peer) in half.into_iter().take(98) {
            let error = connection.read_u8().await.expect_err("it lost its place");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        }
        assert_eq!(places.taken(), 2, "both that have begun");
    }

    #[tokio::test]
    async fn where_all_have_begun_one_more_is_refused_at_once() {
        let places = places(2);
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut came = comes(&places).expect("a place");
            begin(&mut came).await;
            held.push(came);
        }
        assert!(comes(&places).is_none());
        assert_eq!((places.taken(), places.refused()), (2, 1));
        held.pop();
        assert!(comes(&places).is_some(), "a place is free again");
    }

    #[tokio::test]
    async fn one_that_lost_its_place_while_it_began_is_closed() {
        let places = places(1);
        let (mut connection, mut peer) = comes(&places).expect("a place");
        peer.write_all(&BEGINNING[..30]).await.expect("room");
        let mut read = vec![0; 30];
        connection.read_exact(&mut read).await.expect("so far");
        let _newcomer = comes(&places).expect("its place");
        peer.write_all(&BEGINNING[30..]).await.expect("room");
        let error = connection.read_u8().await.expect_err("too late");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}

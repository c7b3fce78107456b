//! Content that is read by position, out of streams that go forward alone: opened again where somebody goes back.

use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use source::{ByteSource, Entry, EvidenceStream, ReadFault, Source, SourceError};
use zeroize::Zeroizing;

/// The content of an item. What fits the buffer is in memory; of longer content, the last bytes that were read.
pub(crate) struct Reopened<'s> {
    source: &'s dyn Source,
    entry: &'s Entry,
    length: u64,
    state: Mutex<State<'s>>,
}

#[derive(Default)]
struct State<'s> {
    stream: Option<Box<dyn EvidenceStream + 's>>,
    /// The stream's position: behind the last byte that is held.
    at: u64,
    /// The last bytes that were read.
    held: Zeroizing<Vec<u8>>,
}

impl<'s> Reopened<'s> {
    /// The content of `entry`, of which `buffer` bytes may be in memory.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    pub(crate) fn new(source: &'s dyn Source, entry: &'s Entry, buffer: usize) -> Result<Self, SourceError> {
        let stream = source.open(entry)?;
        let length = stream.declared_len();
        let whole = usize::try_from(length).ok().filter(|length| *length <= buffer);
        let held = Zeroizing::new(Vec::with_capacity(whole.unwrap_or(WINDOW.saturating_add(PIECE))));
        let state = State { stream: Some(stream), held, ..State::default() };
        Ok(Self { source, entry, length, state: Mutex::new(state) })
    }

    /// How many bytes stay in memory.
    fn window(&self, state: &State<'_>) -> usize {
        if u64::try_from(state.held.capacity()).unwrap_or(u64::MAX) >= self.length {
            usize::MAX
        } else {
            WINDOW
        }
    }

    /// Reads on, and forgets what is too long ago.
    fn more(&self, state: &mut State<'s>) -> io::Result<()> {
        let window = self.window(state);
        if state.held.len() > window {
            let old = state.held.len().saturating_sub(window);
            state.held.drain(..old);
        }
        let stream = match &mut state.stream {
            Some(stream) => stream,
            None => {
                let opened = self.source.open_at(self.entry, state.at).map_err(|error| match error {
                    SourceError::Io(_, error) => error,
                    error => io::Error::other(error),
                });
                state.stream.insert(opened?)
            }
        };
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        let count = loop {
            match stream.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        state.held.extend_from_slice(piece.get(..count).unwrap_or_default());
        state.at = state.at.saturating_add(length(count));
        if state.at >= self.length {
            // Its last word: whether all of this is what it should be.
            ended(stream.as_mut())?;
        }
        Ok(())
    }
}

impl ByteSource for Reopened<'_> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let mut done = 0;
        while done < want {
            let at = offset.saturating_add(length(done));
            let first = state.at.saturating_sub(length(state.held.len()));
            if at < first {
                // In whole sectors.
                (state.stream, state.at) = (None, at.saturating_sub(at % SECTOR));
                state.held.clear();
                continue;
            }
            let within = usize::try_from(at.saturating_sub(first)).ok();
            let from = within.and_then(|within| state.held.get(within..)).unwrap_or_default();
            if from.is_empty() {
                if let Err(error) = self.more(&mut state) {
                    (state.stream, state.at) = (None, 0);
                    state.held.clear();
                    return Err(ReadFault { offset: at, length: length(want), reason: error.to_string() });
                }
                continue;
            }
            let count = from.len().min(want.saturating_sub(done));
            if let (Some(to), Some(from)) = (buf.get_mut(done..done.saturating_add(count)), from.get(..count))
            {
                to.copy_from_slice(from);
            }
            done = done.saturating_add(count);
        }
        Ok(want)
    }
}

/// Reads the end of a stream that has delivered all it declared.
fn ended(stream: &mut dyn EvidenceStream) -> io::Result<()> {
    loop {
        match stream.read(&mut [0]) {
            Ok(0) => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Bytes read at once.
const PIECE: usize = 64 << 10;
/// Bytes held of content that does not fit the buffer: whoever looked at a member's first bytes goes back so far.
const WINDOW: usize = 1 << 20;
/// What a medium is read by.
const SECTOR: u64 = 4096;

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use scope::facts::{CaseRule, Fact, Facts, Kind, Look};
    use source::{NodeId, SourceInfo, WalkEvent, WalkOptions, WalkReport};

    use super::*;

    /// Content, and where it was opened.
    struct One(Vec<u8>, SourceInfo, Mutex<Vec<u64>>);

    impl Source for One {
        fn info(&self) -> &SourceInfo {
            &self.1
        }

        fn walk_with(
            &self,
            _: &WalkOptions<'_>,
            _: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
        ) -> Result<WalkReport, SourceError> {
            Ok(WalkReport::default())
        }

        fn open(&self, _: &Entry) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
            let length = self.0.len() as u64;
            Ok(Box::new(source::exact::Exact::new(io::Cursor::new(self.0.clone()), length)))
        }

        fn open_at(&self, entry: &Entry, from: u64) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
            self.2.lock().unwrap().push(from);
            let mut stream = self.open(entry)?;
            stream.advance(from).unwrap();
            Ok(stream)
        }
    }

    #[test]
    fn any_place_can_be_read_in_any_order() {
        let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 7) as u8).collect();
        let source = One(content.clone(), SourceInfo::default(), Mutex::default());
        let list = [
            Fact::Volume("v".into()),
            Fact::CaseRule(CaseRule::Sensitive),
            Fact::Node("n".into()),
            Fact::Kind(Kind::File),
            Fact::Looks(vec![Look::Metadata]),
        ];
        let facts = Facts::from_list(&list).unwrap();
        let entry = Entry { locator: "v/n".into(), facts, node: NodeId::new(1) };
        for buffer in [1000, 4_000_000] {
            let bytes = Reopened::new(&source, &entry, buffer).unwrap();
            for at in [2_999_990, 0, 1_500_000, 1_400_000, 1_400_001, 5, 2_999_999, 3_000_000, 1_500_000] {
                let mut buf = [0; 100_000];
                let count = bytes.read_at(at, &mut buf).unwrap();
                let expect = &content[at as usize..content.len().min(at as usize + buf.len())];
                assert_eq!(&buf[..count], expect, "at {at}");
            }
        }
        // What fits the buffer is read once; in other content nobody goes back further than is asked for.
        assert_eq!(*source.2.lock().unwrap(), [0, 0, 1_499_136]);
    }
}

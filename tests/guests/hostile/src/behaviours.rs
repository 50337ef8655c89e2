//! The list of behaviours, by the name that stands in the settings.

macro_rules! behaviours {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What the guest does, once configured. Tests match on this without a catch-all arm, so that a behaviour which
        /// nobody tests does not compile.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Behaviour {
            $($(#[$doc])* $variant,)*
        }

        impl Behaviour {
            /// Every behaviour.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The settings that select it.
            #[must_use]
            pub const fn settings(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

behaviours! {
    /// Allows.
    Allow = "allow",
    /// Denies, with a message, a rule and a condition.
    Deny = "deny",
    /// Denies without a message.
    DenySilently = "deny-silently",
    /// Says nothing.
    Abstain = "abstain",
    /// Wants one approval.
    RequireApproval = "require-approval",
    /// Denies, with the count of decisions that this memory has seen as the message.
    Count = "count",
    /// Allows, with what it saw of the request as notes.
    Describe = "describe-request",

    /// Executes `unreachable`.
    Trap = "trap",
    /// Panics.
    Panic = "panic",
    /// Never returns.
    Spin = "spin",
    /// Copies memory for ever: much work per unit of fuel.
    Copy = "copy",
    /// Allocates without end.
    Allocate = "allocate",
    /// Recurses without end, using the guest's own stack.
    Recurse = "recurse",
    /// Answers with megabytes of notes.
    MegabytesOfNotes = "megabytes-of-notes",
    /// Answers with many thousands of empty notes.
    ManyEmptyNotes = "many-empty-notes",
    /// Answers with a message of a megabyte.
    MegabyteMessage = "megabyte-message",
    /// Answers with a string that is not UTF-8.
    BadUtf8 = "bad-utf8",
    /// Answers with a string whose length is far beyond its memory.
    LengthBeyondMemory = "length-beyond-memory",
    /// Denies with a code of the host.
    ForgeInternalDeny = "forge-internal-deny",
    /// Allows with a code of the host.
    ForgeInternalAllow = "forge-internal-allow",
    /// Wants approval, with a code of the host.
    ForgeInternalApproval = "forge-internal-approval",
    /// Allows with an empty code.
    EmptyCode = "empty-code",
    /// Allows with a code that is a sentence.
    SentenceAsCode = "sentence-as-code",
    /// Wants approval by nobody.
    ApprovalByNobody = "approval-by-nobody",
    /// Allows, and asks for room in a budget, which decisions on access do not have.
    Reserve = "reserve",
    /// Allows, and asks for 2^256 − 1 units of room in a budget of as many.
    ReserveEverything = "reserve-everything",
    /// Denies, and asks for room in a budget and in one that has no name.
    DenyAndReserve = "deny-and-reserve",
    /// Allows, and asks for room in one budget more than may be asked for.
    ReserveOnceTooOften = "reserve-once-too-often",
    /// Allows, and asks for room in ten thousand budgets.
    FloodOfReservations = "flood-of-reservations",
    /// Allows, and asks for room in a budget without scope.
    ReserveWithoutScope = "reserve-without-scope",
    /// Allows, and asks for room in a budget of another organisation, as far as words can say so.
    ReserveOfAnother = "reserve-of-another",
    /// Allows, and asks for room for something whose name is no word.
    ReserveWithoutAsset = "reserve-without-asset",
    /// Allows, and asks for room over no time at all.
    ReserveWithoutTime = "reserve-without-time",
    /// Allows, and asks for room over almost all of time.
    ReserveForEver = "reserve-for-ever",
    /// Allows, and asks for room over a day in a place that is not there.
    ReserveNowhere = "reserve-nowhere",
    /// Denies, with figures.
    DenyWithFigures = "deny-with-figures",
    /// Allows, with one note more than the record of a transaction takes.
    OneNoteTooMany = "one-note-too-many",
    /// Allows, with a note one byte longer than the record of a transaction takes.
    NoteTooLong = "note-too-long",
    /// Asks for two budgets, and tells what it sees in them.
    SeeBudgets = "see-budgets",

    /// Executes `unreachable` in `configure`.
    TrapInConfigure = "trap-in-configure",
    /// Never returns from `configure`.
    SpinInConfigure = "spin-in-configure",
    /// Allocates without end in `configure`.
    AllocateInConfigure = "allocate-in-configure",
    /// Recurses without end in `configure`.
    RecurseInConfigure = "recurse-in-configure",
    /// Finds two problems in its settings.
    ProblemsInConfigure = "problems-in-configure",
    /// Refuses its settings without saying why.
    NoProblemsInConfigure = "no-problems-in-configure",
    /// Asks to see a budget without scope.
    AskWithoutScope = "ask-without-scope",
    /// Asks to see ten thousand budgets.
    AskForTenThousand = "ask-for-ten-thousand",
    /// Asks to see a budget of a day in a place that is not there.
    AskNowhere = "ask-nowhere",
    /// Finds a hundred thousand problems in its settings.
    MegabytesOfProblems = "megabytes-of-problems",
}

impl Behaviour {
    /// The behaviour that settings select: by its bare name, or by the first pattern of a document of access policies,
    /// so that a whole server can be made to run it.
    #[must_use]
    pub fn from_settings(settings: &str) -> Option<Self> {
        let behind = |mark: &str| {
            let (_, rest) = settings.split_once(mark)?;
            rest.split('"').next()
        };
        // The first pattern of an access policy, or the first struct that an agent may sign.
        let name = behind("\"pattern\":\"")
            .or_else(|| behind("\"primary_types\":[\""))
            .unwrap_or(settings)
            // Settings of an attachment are JSON.
            .trim_matches('"');
        Self::ALL.iter().copied().find(|b| b.settings() == name)
    }
}

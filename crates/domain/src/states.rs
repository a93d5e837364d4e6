//! Words that a column may hold, as enums: roles, states, levels. Written in SCREAMING_SNAKE_CASE everywhere.

/// Not one of the words that are accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not accepted: one of {} is", accepted.join(", "))]
pub struct UnknownWord {
    /// Those that are.
    pub accepted: &'static [&'static str],
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Every word.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::states::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::states::UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::states::UnknownWord { accepted: Self::WORDS }),
                }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    )*};
}

pub(crate) use words;

words! {
    /// The role of a user.
    Role {
        /// Hires and pays.
        Client = "CLIENT",
        /// Works and issues invoices.
        Freelancer = "FREELANCER",
        /// Operates the platform.
        Admin = "ADMIN",
    }
    /// Whether an account may be used.
    UserStatus {
        /// In use.
        Active = "ACTIVE",
        /// Locked by an operator.
        Suspended = "SUSPENDED",
        /// Closed for good.
        Closed = "CLOSED",
    }
    /// The level of a skill.
    SkillLevel {
        /// Is learning it.
        Beginner = "BEGINNER",
        /// Works with it.
        Intermediate = "INTERMEDIATE",
        /// Can teach it.
        Advanced = "ADVANCED",
        /// Leads the field.
        Expert = "EXPERT",
    }
    /// Where the verification of a skill stands.
    VerificationStatus {
        /// Waits for an operator.
        Pending = "PENDING",
        /// The evidence was accepted.
        Verified = "VERIFIED",
        /// The evidence was refused.
        Rejected = "REJECTED",
    }
    /// Where a project stands.
    ProjectStatus {
        /// Looking for a freelancer.
        Open = "OPEN",
        /// A freelancer works on it.
        InProgress = "IN_PROGRESS",
        /// The freelancer submitted the whole work; the client looks at it.
        Submitted = "SUBMITTED",
        /// Done: the client accepted the work.
        Completed = "COMPLETED",
        /// Given up.
        Cancelled = "CANCELLED",
    }
    /// Where a milestone of a project stands.
    MilestoneStatus {
        /// One party proposes it while the project is in progress; the other has not consented.
        Proposed = "PROPOSED",
        /// Agreed.
        Planned = "PLANNED",
        /// The freelancer submitted its work; the client looks at it.
        Submitted = "SUBMITTED",
        /// The client accepted its work.
        Accepted = "ACCEPTED",
    }
    /// Which side proposes a contract.
    ProposalKind {
        /// The freelancer applies.
        Application = "APPLICATION",
        /// The client invites.
        Invitation = "INVITATION",
    }
    /// Where a proposal stands.
    ProposalStatus {
        /// Waits for the other side.
        Open = "OPEN",
        /// The other side consented: it became the contract.
        Accepted = "ACCEPTED",
        /// The other side declined it.
        Declined = "DECLINED",
        /// Its author took it back.
        Withdrawn = "WITHDRAWN",
        /// The project started with another freelancer, or was cancelled.
        Closed = "CLOSED",
    }
    /// Where an invoice stands.
    InvoiceStatus {
        /// Being written.
        Draft = "DRAFT",
        /// Numbered, frozen, with the client.
        Sent = "SENT",
        /// Paid in full; the money is held.
        Paid = "PAID",
        /// The money went to the freelancer.
        Released = "RELEASED",
        /// Cancelled before any payment.
        Void = "VOID",
        /// The money went back to the client.
        Refunded = "REFUNDED",
    }
    /// How much of an invoice is paid.
    PaymentStatus {
        /// Nothing.
        Unpaid = "UNPAID",
        /// Less than the total.
        Partial = "PARTIAL",
        /// The total.
        Paid = "PAID",
        /// More than the total.
        Overpaid = "OVERPAID",
    }
    /// Where the money of an invoice stands.
    EscrowStatus {
        /// None is held.
        Unfunded = "UNFUNDED",
        /// Part is held.
        PartiallyFunded = "PARTIALLY_FUNDED",
        /// All is held.
        Held = "HELD",
        /// The work was submitted; the client looks at it.
        InReview = "IN_REVIEW",
        /// Frozen by a dispute.
        Disputed = "DISPUTED",
        /// All went to the freelancer.
        Released = "RELEASED",
        /// Part went to the freelancer.
        PartiallyReleased = "PARTIALLY_RELEASED",
        /// All went back to the client.
        Refunded = "REFUNDED",
    }
    /// Where the notarisation of an invoice stands.
    AnchorStatus {
        /// Not asked for.
        None = "NONE",
        /// Waits for the worker.
        Queued = "QUEUED",
        /// Sent to the chain.
        Submitted = "SUBMITTED",
        /// On the chain.
        Confirmed = "CONFIRMED",
        /// Given up; says why.
        Failed = "FAILED",
    }
    /// Where the notarisation of a paid invoice stands.
    MintStatus {
        /// Waits for the worker.
        Queued = "QUEUED",
        /// Signed and stored, and sent or about to be.
        Submitted = "SUBMITTED",
        /// On the chain.
        Confirmed = "CONFIRMED",
        /// Given up; nothing is on the chain.
        Failed = "FAILED",
        /// Taken off the queue: its invoice is no longer paid.
        Cancelled = "CANCELLED",
    }
    /// Where a dispute stands.
    DisputeStatus {
        /// Opened.
        Open = "OPEN",
        /// Being voted on.
        Voting = "VOTING",
        /// Decided.
        Resolved = "RESOLVED",
        /// The money moved as decided.
        Executed = "EXECUTED",
        /// Taken back by its opener.
        Withdrawn = "WITHDRAWN",
        /// Settled between the parties.
        Settled = "SETTLED",
    }
    /// How a dispute was decided.
    DisputeOutcome {
        /// For its opener.
        For = "FOR",
        /// Against its opener.
        Against = "AGAINST",
        /// Undecided by the voters: as many for as against.
        Tied = "TIED",
        /// Undecided by the voters: fewer votes than the quorum.
        NoQuorum = "NO_QUORUM",
        /// By another split of the held money than either plan.
        Split = "SPLIT",
    }
    /// By whom a dispute was decided.
    DisputeResolver {
        /// By the silence of the other party.
        NoAnswer = "NO_ANSWER",
        /// By its voters.
        Vote = "VOTE",
        /// By an operator.
        Operator = "OPERATOR",
        /// By the silence of the operators: half and half.
        Deadline = "DEADLINE",
    }
    /// A vote.
    VoteChoice {
        /// For the opener.
        For = "FOR",
        /// Against the opener.
        Against = "AGAINST",
    }
    /// Where a review stands.
    ReviewStatus {
        /// Only its author and operators see it; its author may change it.
        Hidden = "HIDDEN",
        /// Everyone sees it; it is frozen.
        Visible = "VISIBLE",
    }
    /// How money arrived.
    PaymentMethod {
        /// By bank transfer.
        BankTransfer = "BANK_TRANSFER",
        /// By card.
        Card = "CARD",
        /// On a chain.
        Crypto = "CRYPTO",
        /// By other means.
        Other = "OTHER",
    }
    /// Where a payment stands.
    PaymentState {
        /// The payer says that it was made.
        Announced = "ANNOUNCED",
        /// The receiver, an operator or a provider has the money.
        Confirmed = "CONFIRMED",
        /// The money did not come.
        Rejected = "REJECTED",
        /// Confirmed by mistake or taken back: a counter-record has undone it.
        Reversed = "REVERSED",
    }
    /// By whom a payment's money is held, or came: the scope of its reference.
    PaymentChannel {
        /// Received by the freelancer, outside of the platform.
        Direct = "DIRECT",
        /// Received by the platform, as its operators confirm.
        Platform = "PLATFORM",
        /// Received by the platform through Stripe.
        Stripe = "STRIPE",
        /// Taken of the client's credit on the platform.
        Credit = "CREDIT",
        /// Taken of the client's credit that the freelancer holds.
        CreditExternal = "CREDIT_EXTERNAL",
    }
    /// Where a client's visit at a payment provider stands.
    CheckoutStatus {
        /// Waits for the client.
        Open = "OPEN",
        /// Paid: there is a payment of it.
        Paid = "PAID",
        /// Ended without a payment.
        Expired = "EXPIRED",
        /// The provider has refused it.
        Failed = "FAILED",
    }
    /// Who holds money that was paid.
    Custody {
        /// The platform, by its provider or its operators.
        Platform = "PLATFORM",
        /// The freelancer, who received it outside of the platform.
        Freelancer = "FREELANCER",
    }
    /// Where a refund stands.
    RefundStatus {
        /// A provider is to carry it out.
        Requested = "REQUESTED",
        /// The money went back.
        Done = "DONE",
        /// The provider has refused it; the money is the client's credit again.
        Failed = "FAILED",
    }
    /// Where a payout stands.
    PayoutStatus {
        /// An operator is to carry it out.
        Requested = "REQUESTED",
        /// The money left the platform.
        Paid = "PAID",
        /// Refused by an operator; the money is at the user's disposal again.
        Rejected = "REJECTED",
        /// Taken back by its user before it was carried out.
        Cancelled = "CANCELLED",
    }
    /// What a transfer of the ledger is for.
    TransferKind {
        /// An invoice was sent: its claim.
        Billing = "BILLING",
        /// A sent invoice was cancelled: its claim is taken back.
        Voiding = "VOIDING",
        /// A payment was confirmed.
        Payment = "PAYMENT",
        /// A confirmed payment was reversed.
        Reversal = "REVERSAL",
        /// A credit note lowered a claim.
        CreditNote = "CREDIT_NOTE",
        /// Out of escrow to the freelancer.
        Release = "RELEASE",
        /// A client's credit went back to the client.
        Refund = "REFUND",
        /// Money at a user's disposal left the platform.
        Payout = "PAYOUT",
    }
    /// Where a quote stands.
    QuoteStatus {
        /// Being written.
        Draft = "DRAFT",
        /// Numbered, frozen, with the client.
        Sent = "SENT",
        /// Taken by the client.
        Accepted = "ACCEPTED",
        /// Refused by the client.
        Declined = "DECLINED",
        /// Sent, and its last day is over. Derived, and never stored.
        Expired = "EXPIRED",
        /// It became an invoice.
        Invoiced = "INVOICED",
    }
    /// What a schedule counts by.
    Period {
        /// Days.
        Day = "DAY",
        /// Weeks.
        Week = "WEEK",
        /// Months.
        Month = "MONTH",
        /// Years.
        Year = "YEAR",
    }
    /// What a recurring invoice does.
    RecurrenceMode {
        /// It drafts invoices.
        Draft = "DRAFT",
        /// It drafts and sends them.
        Send = "SEND",
    }
    /// Where a recurring invoice stands.
    RecurrenceStatus {
        /// Its next invoice is to come.
        Active = "ACTIVE",
        /// It makes none for a while.
        Paused = "PAUSED",
        /// It makes none any more.
        Ended = "ENDED",
    }
    /// What a series of numbers is for.
    NumberKind {
        /// Invoices.
        Invoice = "INVOICE",
        /// Quotes.
        Quote = "QUOTE",
        /// Credit notes.
        CreditNote = "CREDIT_NOTE",
    }
    /// Whose account a posting of the ledger is of.
    AccountKind {
        /// Outside of the platform, by the way that money comes and goes.
        World = "WORLD",
        /// Held for an invoice.
        Escrow = "ESCROW",
        /// A user's, on the platform.
        Available = "AVAILABLE",
        /// Received by a user outside of the platform.
        External = "EXTERNAL",
        /// A client's credit with a freelancer, on the platform.
        Credit = "CREDIT",
        /// A client's credit with a freelancer, who holds it.
        CreditExternal = "CREDIT_EXTERNAL",
        /// Refunds that a provider is carrying out.
        Refunds = "REFUNDS",
        /// Payouts that are being carried out.
        Payouts = "PAYOUTS",
        /// The platform's fees.
        Fees = "FEES",
        /// Claim: billed in all.
        Billed = "BILLED",
        /// Claim: still to be paid.
        Receivable = "RECEIVABLE",
        /// Claim: paid.
        Settled = "SETTLED",
        /// Claim: taken back by credit notes.
        Credited = "CREDITED",
        /// Claim: kept back by the payer for the tax authority.
        Withheld = "WITHHELD",
        /// Claim: paid before the invoice.
        Deposited = "DEPOSITED",
    }
    /// How a line is taxed.
    TaxCategory {
        /// At its rate.
        Standard = "STANDARD",
        /// At the rate of zero.
        Zero = "ZERO",
        /// Not at all, for a reason that the line states.
        Exempt = "EXEMPT",
        /// By the client, who owes the tax.
        ReverseCharge = "REVERSE_CHARGE",
    }
    /// What a tax id is.
    TaxIdKind {
        /// A VAT id of Europe.
        Vat = "VAT",
        /// An employer identification number of the United States.
        Ein = "EIN",
        /// Any other.
        Other = "OTHER",
    }
    /// Where the tax of an invoice is rounded.
    Rounding {
        /// Once per rate, over the lines of the rate.
        PerRate = "PER_RATE",
        /// Once per line.
        PerLine = "PER_LINE",
    }
}

impl DisputeStatus {
    /// Whether it still freezes the money.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Open | Self::Voting | Self::Resolved)
    }
}

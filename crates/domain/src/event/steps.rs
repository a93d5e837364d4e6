//! The steps that parties take together, by the names that their events are stored under.

use crate::states::words;

words! {
    /// A step of an invoice.
    InvoiceStep {
        /// It was numbered, frozen and given to its client.
        Sent = "INVOICE_SENT",
        /// It was cancelled, unpaid.
        Voided = "INVOICE_VOIDED",
        /// The freelancer submitted the work that it is for.
        WorkSubmitted = "WORK_SUBMITTED",
        /// The client sent the work back.
        WorkReturned = "WORK_RETURNED",
        /// Held money went to the freelancer.
        Released = "ESCROW_RELEASED",
    }
    /// A step of a project.
    ProjectStep {
        /// A freelancer applied for it.
        Applied = "PROJECT_APPLIED",
        /// Its client invited a freelancer.
        Invited = "PROJECT_INVITED",
        /// An application or an invitation was declined or taken back.
        Declined = "PROJECT_PROPOSAL_DECLINED",
        /// Both sides consented: the contract binds.
        Started = "PROJECT_STARTED",
        /// The freelancer submitted a milestone's work.
        MilestoneSubmitted = "MILESTONE_SUBMITTED",
        /// The client accepted a milestone's work.
        MilestoneAccepted = "MILESTONE_ACCEPTED",
        /// The client sent a milestone's work back.
        MilestoneReturned = "MILESTONE_RETURNED",
        /// The freelancer submitted the whole work.
        Submitted = "PROJECT_SUBMITTED",
        /// The client sent the whole work back.
        Returned = "PROJECT_RETURNED",
        /// The client accepted it.
        Completed = "PROJECT_COMPLETED",
        /// It was given up.
        Cancelled = "PROJECT_CANCELLED",
    }
    /// A step of a dispute.
    DisputeStep {
        /// A party opened it.
        Opened = "DISPUTE_OPENED",
        /// The other party answered: the vote began.
        Answered = "DISPUTE_ANSWERED",
        /// It was decided, by voters, by an operator or by a deadline.
        Resolved = "DISPUTE_RESOLVED",
        /// A party appealed to an operator.
        Appealed = "DISPUTE_APPEALED",
        /// The money moved as decided.
        Executed = "DISPUTE_EXECUTED",
        /// Its opener took it back.
        Withdrawn = "DISPUTE_WITHDRAWN",
        /// The parties agreed on a split.
        Settled = "DISPUTE_SETTLED",
    }
    /// A step of a payout.
    PayoutStep {
        /// A user asked for it.
        Requested = "PAYOUT_REQUESTED",
        /// The money left the platform.
        Paid = "PAYOUT_PAID",
        /// It was refused or taken back; the money is at the user's disposal again.
        Rejected = "PAYOUT_REJECTED",
    }
}

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::states::{AccountKind, Custody, PaymentMethod};

fn id<K>(place: u8) -> crate::id::Id<K> {
    crate::id::Id::new(crate::Timestamp::default(), [place; 10])
}

fn currency(place: u8) -> Currency {
    ["EUR", "JPY", "BHD"][usize::from(place) % 3].parse().expect("a currency")
}

fn parties() -> Counterparties {
    Counterparties { freelancer: id(1), client: id(2) }
}

fn owner(place: u8) -> Owner {
    match place % 4 {
        0 => Owner::World(PaymentMethod::Card),
        1 => Owner::Escrow(id(place), parties()),
        2 => Owner::Available(id(place)),
        _ => Owner::Claim(parties(), Claim::Receivable),
    }
}

fn reference() -> Reference {
    Reference::Release { invoice: id(1) }
}

fn euros(minor: i64) -> Money {
    Money { minor, currency: currency(0) }
}

#[test]
fn what_does_not_balance_is_no_transfer() {
    let posting = |place, minor| Posting::of(owner(place), euros(minor));
    let new = |postings| Transfer::new(reference(), postings);
    assert_eq!(new(vec![]), Err(Unbalanced::TooFew));
    assert_eq!(new(vec![posting(0, 0)]), Err(Unbalanced::TooFew));
    assert_eq!(new(vec![posting(0, 0), posting(1, 0)]), Err(Unbalanced::Nothing));
    assert_eq!(new(vec![posting(0, -5), posting(1, 4)]), Err(Unbalanced::Sum { currency: currency(0), sum: -1 }));
    let most = new(vec![posting(0, i64::MAX), posting(1, i64::MAX)]);
    assert_eq!(most, Err(Unbalanced::Sum { currency: currency(0), sum: 2 * i128::from(i64::MAX) }));
    let yen = Posting::of(owner(1), Money { minor: 5, currency: currency(1) });
    assert_eq!(new(vec![posting(0, -5), yen]), Err(Unbalanced::Currencies(currency(0), currency(1))));
    for amount in [0, -1, i64::MIN] {
        assert_eq!(Transfer::release(id(1), parties(), euros(amount), euros(0)), Err(Unbalanced::NotPositive));
    }
    assert_eq!(new(vec![posting(0, -5), posting(1, 3), posting(2, 2)]).map(|it| it.postings().len()), Ok(3));
}

#[test]
fn money_is_not_balanced_by_a_claim() {
    let crossed = vec![Posting::of(owner(0), euros(-5)), Posting::of(owner(3), euros(5))];
    assert_eq!(Transfer::new(reference(), crossed), Err(Unbalanced::Sum { currency: currency(0), sum: -5 }));
}

#[test]
fn a_transfer_names_what_it_is_for() {
    let source = Source::World(PaymentMethod::Crypto, Custody::Platform);
    let payment = Transfer::settlement(id(1), id(2), parties(), source, euros(7)).expect("it balances");
    let reference = payment.reference();
    assert_eq!((reference.kind(), reference.payment()), (TransferKind::Payment, Some(id(1))));
    assert_eq!(reference.invoice(), Some(id(2)));
    let kinds = |transfer: &Transfer| -> Vec<(AccountKind, i64)> {
        transfer.postings().iter().map(|it| (it.account.owner.kind(), it.minor)).collect()
    };
    let expected =
        [(AccountKind::World, -7), (AccountKind::Escrow, 7), (AccountKind::Receivable, -7), (AccountKind::Settled, 7)];
    assert_eq!(kinds(&payment), expected);
    let back = payment.reversed(id(1));
    assert_eq!((back.reference().kind(), back.reference().invoice()), (TransferKind::Reversal, Some(id(2))));
    assert_eq!(kinds(&back), expected.map(|(kind, minor)| (kind, -minor)));
    let note = Transfer::credit_note(id(3), id(2), parties(), euros(9), (4, 3)).expect("it balances");
    let expected = [
        (AccountKind::Receivable, -2),
        (AccountKind::Credited, 2),
        (AccountKind::Settled, -7),
        (AccountKind::Credited, 7),
        (AccountKind::Escrow, -4),
        (AccountKind::Credit, 4),
        (AccountKind::External, -3),
        (AccountKind::CreditExternal, 3),
    ];
    assert_eq!(kinds(&note), expected);
}

proptest! {
    #[test]
    fn whatever_is_a_transfer_sums_to_zero_and_whatever_sums_to_zero_is_one(
        parts in prop::collection::vec((any::<u8>(), -1000_i64..1000, 0_u8..2), 0..6),
    ) {
        let postings: Vec<Posting> = parts
            .iter()
            .map(|&(place, minor, code)| Posting::of(owner(place), Money { minor, currency: currency(code) }))
            .collect();
        let mut sums: BTreeMap<(Currency, bool), i128> = BTreeMap::new();
        for posting in &postings {
            let book = posting.account.owner.kind().is_claim();
            *sums.entry((posting.account.currency, book)).or_default() += i128::from(posting.minor);
        }
        let currencies: std::collections::BTreeSet<_> = sums.keys().map(|(currency, _)| *currency).collect();
        let balances = postings.len() > 1
            && currencies.len() == 1
            && sums.values().all(|sum| *sum == 0)
            && postings.iter().all(|posting| posting.minor != 0);
        prop_assert_eq!(Transfer::new(reference(), postings).is_ok(), balances);
    }
}

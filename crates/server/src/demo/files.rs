//! File records. Their sealed content is real bytes with a real content address, without a key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chainbill_records::{Text, Unit, entities::stored_files};
use sha2::{Digest as _, Sha256};

use super::{BATCH, Maker, invoices::Issued};

const NAMES: &[(&str, &str)] = &[
    ("contract.pdf", "application/pdf"),
    ("Entwürfe – final (2).zip", "application/zip"),
    ("receipt.png", "image/png"),
    ("时间表.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("notes.txt", "text/plain"),
];

pub(super) async fn files(maker: &mut Maker<'_>, invoices: &[Issued]) -> anyhow::Result<()> {
    let places: Vec<usize> = (0..maker.plan.files()).collect();
    for chunk in places.chunks(BATCH) {
        let rows: Vec<stored_files::Model> = chunk.iter().map(|_| file(maker, invoices)).collect();
        let event = |row: &stored_files::Model| {
            maker.of_file(row.owner_id.0, row.invoice_id.map(|id| id.0), row.created_at, &row.filename)
        };
        let (events, count) = (rows.iter().filter_map(event).collect(), [("stored_files", rows.len())]);
        let saving = async |unit: &mut Unit| unit.insert_many::<stored_files::Entity>(rows).await.map(drop);
        maker.save(&count, events, saving).await?;
    }
    Ok(())
}

fn file(maker: &mut Maker<'_>, invoices: &[Issued]) -> stored_files::Model {
    let invoice = maker.dice.one(invoices);
    let at = maker.later(invoice.at, 3);
    let id = maker.id(at);
    let (filename, content_type) = *maker.dice.one(NAMES);
    let sealed: [u8; 240] = maker.dice.bytes();
    let ipfs_hash = cid(&sealed);
    let metadata = format!("{id}\n{filename}\n{content_type}\n{ipfs_hash}");
    stored_files::Model {
        id: Text(id),
        version: 0,
        owner_id: Text(invoice.freelancer),
        invoice_id: maker.dice.chance(85).then_some(Text(invoice.id)),
        filename: filename.to_owned(),
        content_type: content_type.to_owned(),
        file_size: 212,
        ipfs_hash,
        metadata_hash: hex::encode(Sha256::digest(metadata)),
        encrypted_base64: maker.dice.chance(80).then(|| STANDARD.encode(sealed)),
        key_version: 1,
        created_at: at,
        updated_at: at,
    }
}

/// The content identifier of raw bytes: `CIDv1`, codec raw, SHA2-256, multibase base32 (multiformats' `cid` document).
fn cid(bytes: &[u8]) -> String {
    let mut id = vec![0x01, 0x55, 0x12, 0x20];
    id.extend(Sha256::digest(bytes));
    format!("b{}", base32(&id))
}

/// RFC 4648 base32 in lower case, without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bits = bytes.len() * 8;
    (0..bits.div_ceil(5))
        .map(|place| {
            let value = (0..5).fold(0_usize, |value, offset| {
                let bit = place * 5 + offset;
                let byte = bytes.get(bit / 8).copied().unwrap_or(0);
                value << 1 | usize::from(byte >> (7 - bit % 8) & 1)
            });
            char::from(ALPHABET[value])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_the_address_that_the_file_network_gives_it() {
        // The published identifier of the empty block.
        assert_eq!(cid(b""), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    }
}

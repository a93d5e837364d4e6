use crate::mapping::{Model, int, minutes, text, time};

/// Sealed files: what they are called, where their content is, how it was sealed.
pub static STORED_FILES: Model = Model {
    name: "stored_files",
    columns: &[
        text("owner_id", "ownerId"),
        text("invoice_id", "invoiceId").nullable(),
        text("filename", "filename"),
        text("content_type", "contentType"),
        int("file_size", "fileSize"),
        text("ipfs_hash", "ipfsHash"),
        text("metadata_hash", "metadataHash"),
        text("encrypted_base64", "encryptedBase64").nullable().large(),
        int("key_version", "keyVersion"),
        time("created_at", "createdAt"),
        time("updated_at", "updatedAt"),
    ],
    embeds: &[],
    omitted: &[],
    search: &[],
    // Lists are pages by id, newest first: sorting them first would take whole files into the server's memory.
    indexes: &[&["invoiceId", "_id"], &["ownerId", "_id"]],
    every: minutes(60),
};

//! The eight synchronised models with their child tables, and the money.
//!
//! There are no foreign keys: clusters shard without them, bulk loads pay for them, and no cascade may remove a row
//! without its outbox entry. The use cases check references, `chainbill check` proves them.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0001_models"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, PEOPLE).await?;
        super::run(db, WORK).await?;
        super::run(db, MONEY).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, TABLES).await
    }
}

const TABLES: &[&str] = &[
    "users",
    "user_skills",
    "skills",
    "projects",
    "project_skills",
    "invoices",
    "invoice_lines",
    "invoice_counters",
    "reviews",
    "disputes",
    "dispute_votes",
    "stored_files",
    "reputations",
    "payments",
    "ledger_postings",
];

const PEOPLE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS users (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        email VARCHAR(254) NOT NULL,
        name VARCHAR(200) NOT NULL,
        role VARCHAR(16) NOT NULL,
        status VARCHAR(16) NOT NULL,
        title VARCHAR(200) NULL,
        bio {long} NULL,
        location VARCHAR(200) NULL,
        hourly_rate_minor BIGINT NULL CHECK (hourly_rate_minor >= 0),
        hourly_rate_currency VARCHAR(3) NULL,
        wallet_address VARCHAR(80) NULL,
        available {flag} NOT NULL,
        password_hash VARCHAR(255) NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT users_email UNIQUE (email),
        CONSTRAINT users_wallet_address UNIQUE (wallet_address)
    ){options}",
    "CREATE TABLE IF NOT EXISTS user_skills (
        user_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        skill_id VARCHAR(36) NOT NULL,
        name VARCHAR(100) NOT NULL,
        level VARCHAR(16) NOT NULL,
        years BIGINT NOT NULL CHECK (years >= 0),
        PRIMARY KEY (user_id, position)
    ){options}",
    "CREATE TABLE IF NOT EXISTS skills (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        name VARCHAR(100) NOT NULL,
        name_key VARCHAR(100) NOT NULL,
        category VARCHAR(100) NOT NULL,
        description {long} NULL,
        verified {flag} NOT NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT skills_name_key UNIQUE (name_key)
    ){options}",
    "CREATE TABLE IF NOT EXISTS reputations (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        user_id VARCHAR(36) NOT NULL,
        score BIGINT NOT NULL CHECK (score >= 0 AND score <= 100),
        average_rating_centi BIGINT NOT NULL CHECK (average_rating_centi >= 0 AND average_rating_centi <= 500),
        review_count BIGINT NOT NULL CHECK (review_count >= 0),
        on_time_bp BIGINT NOT NULL CHECK (on_time_bp >= 0 AND on_time_bp <= 10000),
        completed_projects BIGINT NOT NULL CHECK (completed_projects >= 0),
        disputes_lost BIGINT NOT NULL CHECK (disputes_lost >= 0),
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT reputations_user UNIQUE (user_id)
    ){options}",
];

const WORK: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS projects (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        client_id VARCHAR(36) NOT NULL,
        freelancer_id VARCHAR(36) NULL,
        title VARCHAR(200) NOT NULL,
        description {long} NOT NULL,
        status VARCHAR(16) NOT NULL,
        budget_minor BIGINT NULL CHECK (budget_minor >= 0),
        budget_currency VARCHAR(3) NULL,
        deadline VARCHAR(10) NULL,
        completed_at {time} NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL
    ){options}",
    "CREATE INDEX projects_client ON projects (client_id, id)",
    "CREATE INDEX projects_freelancer ON projects (freelancer_id, id)",
    "CREATE INDEX projects_status ON projects (status, id)",
    "CREATE TABLE IF NOT EXISTS project_skills (
        project_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        skill_id VARCHAR(36) NOT NULL,
        name VARCHAR(100) NOT NULL,
        PRIMARY KEY (project_id, position)
    ){options}",
    "CREATE TABLE IF NOT EXISTS reviews (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        project_id VARCHAR(36) NOT NULL,
        reviewer_id VARCHAR(36) NOT NULL,
        reviewee_id VARCHAR(36) NOT NULL,
        quality BIGINT NOT NULL CHECK (quality >= 1 AND quality <= 5),
        communication BIGINT NOT NULL CHECK (communication >= 1 AND communication <= 5),
        timeliness BIGINT NOT NULL CHECK (timeliness >= 1 AND timeliness <= 5),
        professionalism BIGINT NOT NULL CHECK (professionalism >= 1 AND professionalism <= 5),
        comment {long} NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT reviews_direction UNIQUE (project_id, reviewer_id)
    ){options}",
    "CREATE INDEX reviews_reviewee ON reviews (reviewee_id, id)",
    "CREATE TABLE IF NOT EXISTS stored_files (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        owner_id VARCHAR(36) NOT NULL,
        invoice_id VARCHAR(36) NULL,
        filename VARCHAR(255) NOT NULL,
        content_type VARCHAR(100) NOT NULL,
        file_size BIGINT NOT NULL CHECK (file_size >= 0),
        ipfs_hash VARCHAR(100) NOT NULL,
        metadata_hash VARCHAR(64) NOT NULL,
        encrypted_base64 {long} NULL,
        key_version BIGINT NOT NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT stored_files_metadata_hash UNIQUE (metadata_hash)
    ){options}",
    "CREATE INDEX stored_files_owner ON stored_files (owner_id, id)",
    "CREATE INDEX stored_files_invoice ON stored_files (invoice_id, id)",
];

const MONEY: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS invoices (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        number VARCHAR(32) NULL,
        number_seq BIGINT NULL CHECK (number_seq > 0),
        project_id VARCHAR(36) NULL,
        freelancer_id VARCHAR(36) NOT NULL,
        client_id VARCHAR(36) NOT NULL,
        title VARCHAR(200) NOT NULL,
        notes {long} NULL,
        status VARCHAR(16) NOT NULL,
        payment_status VARCHAR(16) NOT NULL,
        escrow VARCHAR(24) NOT NULL,
        anchor_status VARCHAR(16) NOT NULL,
        currency VARCHAR(3) NOT NULL,
        subtotal_minor BIGINT NOT NULL CHECK (subtotal_minor >= 0),
        discount_minor BIGINT NOT NULL CHECK (discount_minor >= 0),
        tax_minor BIGINT NOT NULL CHECK (tax_minor >= 0),
        total_minor BIGINT NOT NULL CHECK (total_minor >= 0),
        paid_minor BIGINT NOT NULL CHECK (paid_minor >= 0),
        due_date VARCHAR(10) NULL,
        canonical_hash VARCHAR(64) NULL,
        token_id VARCHAR(128) NULL,
        tx_hash VARCHAR(128) NULL,
        sent_at {time} NULL,
        paid_at {time} NULL,
        released_at {time} NULL,
        voided_at {time} NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT invoices_number UNIQUE (freelancer_id, number),
        CONSTRAINT invoices_token UNIQUE (token_id),
        CONSTRAINT invoices_total CHECK (total_minor = subtotal_minor - discount_minor + tax_minor),
        CONSTRAINT invoices_numbered CHECK (status = 'DRAFT' OR number IS NOT NULL)
    ){options}",
    "CREATE INDEX invoices_freelancer ON invoices (freelancer_id, id)",
    "CREATE INDEX invoices_client ON invoices (client_id, id)",
    "CREATE INDEX invoices_project ON invoices (project_id, id)",
    "CREATE INDEX invoices_status ON invoices (status, id)",
    "CREATE TABLE IF NOT EXISTS invoice_lines (
        invoice_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        description VARCHAR(500) NOT NULL,
        quantity_milli BIGINT NOT NULL CHECK (quantity_milli > 0),
        unit_price_minor BIGINT NOT NULL CHECK (unit_price_minor >= 0),
        currency VARCHAR(3) NOT NULL,
        tax_rate_bp BIGINT NOT NULL CHECK (tax_rate_bp >= 0 AND tax_rate_bp <= 10000),
        amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
        PRIMARY KEY (invoice_id, position)
    ){options}",
    "CREATE TABLE IF NOT EXISTS invoice_counters (
        freelancer_id VARCHAR(36) NOT NULL PRIMARY KEY,
        next_seq BIGINT NOT NULL CHECK (next_seq > 0)
    ){options}",
    "CREATE TABLE IF NOT EXISTS disputes (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        invoice_id VARCHAR(36) NOT NULL,
        opened_by VARCHAR(36) NOT NULL,
        reason VARCHAR(200) NOT NULL,
        description {long} NOT NULL,
        status VARCHAR(16) NOT NULL,
        outcome VARCHAR(16) NULL,
        plan {long} NULL,
        resolved_at {time} NULL,
        active_invoice_id VARCHAR(36) NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT disputes_active UNIQUE (active_invoice_id)
    ){options}",
    "CREATE INDEX disputes_invoice ON disputes (invoice_id, id)",
    "CREATE TABLE IF NOT EXISTS dispute_votes (
        dispute_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        voter_id VARCHAR(36) NOT NULL,
        choice VARCHAR(16) NOT NULL,
        comment {long} NULL,
        created_at {time} NOT NULL,
        PRIMARY KEY (dispute_id, position),
        CONSTRAINT dispute_votes_voter UNIQUE (dispute_id, voter_id)
    ){options}",
    "CREATE TABLE IF NOT EXISTS payments (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        invoice_id VARCHAR(36) NOT NULL,
        payer_id VARCHAR(36) NOT NULL,
        external_ref VARCHAR(200) NOT NULL,
        method VARCHAR(16) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        currency VARCHAR(3) NOT NULL,
        received_at {time} NOT NULL,
        recorded_by VARCHAR(36) NOT NULL,
        created_at {time} NOT NULL,
        CONSTRAINT payments_external_ref UNIQUE (external_ref)
    ){options}",
    "CREATE INDEX payments_invoice ON payments (invoice_id, id)",
    "CREATE TABLE IF NOT EXISTS ledger_postings (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        transfer_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        account VARCHAR(100) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor <> 0),
        currency VARCHAR(3) NOT NULL,
        invoice_id VARCHAR(36) NULL,
        reason VARCHAR(100) NOT NULL,
        created_at {time} NOT NULL,
        CONSTRAINT ledger_postings_place UNIQUE (transfer_id, position)
    ){options}",
    "CREATE INDEX ledger_postings_account ON ledger_postings (account, currency, id)",
    "CREATE INDEX ledger_postings_invoice ON ledger_postings (invoice_id, id)",
];

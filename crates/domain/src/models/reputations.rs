use crate::mapping::{Model, int, minutes, text, time};

/// A user's standing, recomputed from facts and never incremented.
pub static REPUTATIONS: Model = Model {
    name: "reputations",
    columns: &[
        text("user_id", "userId"),
        int("score", "score"),
        int("average_rating_centi", "averageRatingCenti"),
        int("review_count", "reviewCount"),
        int("on_time_bp", "onTimeBp"),
        int("completed_projects", "completedProjects"),
        int("disputes_lost", "disputesLost"),
        int("released_invoices", "releasedInvoices"),
        int("reviews_part_bp", "reviewsPartBp"),
        int("on_time_part_bp", "onTimePartBp"),
        int("volume_part_bp", "volumePartBp"),
        int("disputes_part_bp", "disputesPartBp"),
        time("created_at", "createdAt"),
        time("updated_at", "updatedAt"),
    ],
    embeds: &[],
    omitted: &[],
    search: &[],
    indexes: &[],
    every: minutes(60),
};

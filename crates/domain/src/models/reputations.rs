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
        time("created_at", "createdAt"),
        time("updated_at", "updatedAt"),
    ],
    embeds: &[],
    omitted: &[],
    search: &[],
    indexes: &[],
    every: minutes(60),
};

//! Series of numbers: an issuer may have any number of them beside the built-in one, one of each kind being the default.

use chainbill_domain::{
    id::{SeriesId, UserId},
    numbering::{Allocated, BUILT_IN, MOST_START, NumberSeries, Pattern, Series, SeriesContent},
    states::{NumberKind, Role},
    text,
    zone::Zone,
};
use chainbill_records::{
    RecordsError, Unit,
    repo::{series, users},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, Page, SeriesView,
    command::{Command, Outcome},
    context::{Expected, expect_version},
    validate::{Check, given},
};

/// A new series of numbers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSeries {
    /// INVOICE, QUOTE or CREDIT_NOTE; INVOICE when absent. Credit notes take the default series.
    pub kind: Option<String>,
    /// Its name, unique among the issuer's of its kind.
    pub name: String,
    /// Literal text with `{YYYY}`, `{YY}`, `{MM}` and exactly one `{SEQ:n}`, padded to n digits: `R{YY}-{SEQ:4}`.
    pub pattern: String,
    /// Whether the sequence restarts at 1 in each year of the issuer's time zone; no when absent.
    #[serde(default)]
    pub yearly_restart: bool,
    /// The first place of the sequence, of a yearly series in its first year; 1 when absent.
    pub start: Option<i64>,
    /// Whether what names no series is numbered by it; no when absent.
    #[serde(default)]
    pub default: bool,
}

/// What changes in a series. Pattern, restart and start are fixed once a number was allocated.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchSeries {
    /// Its name.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Its pattern.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub pattern: Option<String>,
    /// Whether the sequence restarts yearly.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub yearly_restart: Option<bool>,
    /// The first place of the sequence.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub start: Option<i64>,
    /// Whether what names no series is numbered by it; false makes the built-in series the default again.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub default: Option<bool>,
}

/// Most series of an issuer: with the built-in ones, a list of them is one page.
const MOST_SERIES: usize = 100 - NumberKind::ALL.len();

const FREELANCERS: &str = "only freelancers number invoices, quotes and credit notes";

impl App {
    /// The actor's series with the built-in ones, newest first.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers.
    pub async fn series(&self, context: &Context) -> Result<Page<SeriesView>, AppError> {
        let issuer = context.actor_as(Role::Freelancer, FREELANCERS)?.user_id;
        let own = series::of_issuer(&self.records, issuer).await?;
        let built_in = NumberKind::ALL.iter().map(|&kind| {
            let has_other = own.iter().any(|series| series.kind == kind && series.is_default);
            SeriesView::built_in(kind, !has_other)
        });
        let built_in: Vec<SeriesView> = built_in.collect();
        let data = own.into_iter().map(SeriesView::of).chain(built_in).collect();
        Ok(Page { data, has_more: false, next_cursor: None, unreadable: Vec::new() })
    }

    /// Makes a series.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers; [`AppError::Validation`] when it could make a number that another
    /// series of the issuer makes too.
    pub async fn create_series(&self, context: &Context, new: NewSeries) -> Result<Done<SeriesView>, AppError> {
        let issuer = context.actor_as(Role::Freelancer, FREELANCERS)?.user_id;
        let kind = text::some(new.kind.as_deref()).unwrap_or(NumberKind::Invoice.word()).parse();
        let kind: NumberKind = kind.map_err(|error| AppError::field("/kind", error))?;
        let content = &checked(&new.name, &new.pattern, new.yearly_restart, new.start.unwrap_or(1))?;
        let asked = &new;
        self.command(context, "series.create", asked, |mut command| async move {
            let all = command.locked_series(issuer).await?;
            if all.len() >= MOST_SERIES {
                return Err(AppError::Conflict {
                    current: "FULL".to_owned(),
                    allowed: vec!["change another series".to_owned()],
                    detail: format!("an issuer has at most {MOST_SERIES} series"),
                });
            }
            let others: Vec<NumberSeries> = all.into_iter().filter(|other| other.kind == kind).collect();
            distinct(content, kind, None, &others)?;
            let now = command.unit.now();
            let made = NumberSeries {
                id: command.app.new_id(),
                version: 0,
                issuer_id: issuer,
                kind,
                content: content.clone(),
                is_default: false,
                used: false,
                created_at: now,
                updated_at: now,
            };
            if asked.default {
                step_back(&mut command.unit, &others, kind).await?;
            }
            let made = NumberSeries { is_default: asked.default, ..made };
            let made = series::insert(&mut command.unit, made).await.map_err(named_twice)?;
            command.created(SeriesView::of(made)).await
        })
        .await
    }

    /// Changes a series.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its issuer, [`AppError::Conflict`] when it is used and other numbers are asked for.
    pub async fn patch_series(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchSeries,
    ) -> Result<Done<SeriesView>, AppError> {
        let issuer = context.actor_as(Role::Freelancer, FREELANCERS)?.user_id;
        let id: SeriesId = id.parse().map_err(|_| AppError::NotFound("series"))?;
        let patch = &patch;
        self.change(context, "series.patch", |command| async move {
            command.patched_series(issuer, id, expected, patch).await
        })
        .await
    }

    /// The series that a draft names, if it is one of the issuer's.
    pub(crate) async fn chosen_series(
        &self,
        issuer: UserId,
        kind: NumberKind,
        name: Option<&str>,
    ) -> Result<Option<Series>, AppError> {
        let Some(name) = text::some(name) else { return Ok(None) };
        let refused =
            || AppError::field("/series", "is no series of yours of this kind: GET /api/number-series lists them");
        let series: Series = name.parse().map_err(|_| refused())?;
        match series {
            Series::Own(id) if !series::exists(&self.records, issuer, kind, id).await? => Err(refused()),
            series => Ok(Some(series)),
        }
    }
}

impl<'a> Command<'a> {
    /// The issuer's series, while no other command of the issuer's changes series.
    async fn locked_series(&self, issuer: UserId) -> Result<Vec<NumberSeries>, AppError> {
        users::lock(&self.unit, issuer).await?.ok_or(AppError::Unauthenticated)?;
        Ok(series::of_issuer(&self.unit, issuer).await?)
    }

    async fn patched_series(
        mut self,
        issuer: UserId,
        id: SeriesId,
        expected: Expected<'_>,
        patch: &PatchSeries,
    ) -> Result<Outcome<'a, SeriesView>, AppError> {
        let mut others = self.locked_series(issuer).await?;
        let before = series::lock(&self.unit, issuer, id).await?.ok_or(AppError::NotFound("series"))?;
        expect_version(expected, before.version)?;
        let (old, kind) = (before.content.clone(), before.kind);
        let content = checked(
            patch.name.as_deref().unwrap_or(&old.name),
            patch.pattern.as_deref().unwrap_or(&old.pattern.to_string()),
            patch.yearly_restart.unwrap_or(old.yearly),
            patch.start.unwrap_or(old.start),
        )?;
        others.retain(|other| other.kind == kind && other.id != id);
        distinct(&content, kind, Some(&old), &others)?;
        let is_default = patch.default.unwrap_or(before.is_default);
        if is_default && !before.is_default {
            step_back(&mut self.unit, &others, kind).await?;
        }
        let next = NumberSeries { is_default, ..before.clone().edit(content)? };
        if next == before {
            return Ok(self.unchanged(SeriesView::of(before)));
        }
        let next = series::update(&mut self.unit, &before, &next).await.map_err(named_twice)?;
        self.changed(Some(SeriesView::of(before)), SeriesView::of(next)).await
    }

    /// The number of a document that is issued now, in its issuer's year and month: of the chosen series, else of the default.
    pub(crate) async fn allocate_number(
        &mut self,
        kind: NumberKind,
        (issuer, zone): (UserId, Zone),
        chosen: Option<Series>,
    ) -> Result<Allocated, AppError> {
        let at = self.unit.now();
        let month = (zone.year(at), zone.month(at));
        Ok(series::allocate(&mut self.unit, issuer, kind, chosen, month).await?)
    }
}

fn checked(name: &str, pattern: &str, yearly: bool, start: i64) -> Result<SeriesContent, AppError> {
    let mut check = Check::default();
    let name = check.field("/name", text::name(name, 100));
    let pattern = check.field("/pattern", Pattern::of(pattern, yearly));
    let in_range = (1..=MOST_START).contains(&start);
    check.refuse_unless(in_range, "/start", &format!("is {start}: 1 to {MOST_START} are accepted"));
    check.finish(name.zip(pattern).map(|(name, pattern)| SeriesContent { name, pattern, yearly, start }))
}

/// Numbers are unique per issuer: refuses a pattern that could make a number of another series. One that stays as it is was
/// compared when it came.
fn distinct(
    content: &SeriesContent,
    kind: NumberKind,
    old: Option<&SeriesContent>,
    others: &[NumberSeries],
) -> Result<(), AppError> {
    if old.is_some_and(|old| old.pattern == content.pattern) {
        return Ok(());
    }
    let built_in = Pattern::built_in(kind);
    let named = others.iter().map(|other| (&other.content.pattern, other.content.name.as_str()));
    for (pattern, name) in named.chain([(&built_in, BUILT_IN)]) {
        if pattern.overlaps(&content.pattern) {
            let detail =
                format!("could make a number of the series {name} ({pattern}): other literal text keeps them apart");
            return Err(AppError::field("/pattern", detail));
        }
    }
    Ok(())
}

/// Another series becomes the default of its kind.
async fn step_back(unit: &mut Unit, others: &[NumberSeries], kind: NumberKind) -> Result<(), AppError> {
    for other in others.iter().filter(|other| other.is_default && other.kind == kind) {
        let next = NumberSeries { is_default: false, ..other.clone() };
        series::update(unit, other, &next).await?;
    }
    Ok(())
}

fn named_twice(error: RecordsError) -> AppError {
    match error {
        RecordsError::Duplicate(_) => AppError::field("/name", "is the name of another series of yours"),
        error => error.into(),
    }
}

with series as (

    select * from {{ ref('series_to_build') }}

),

promotions as (

    select * from {{ ref('promotions') }}

),

series_ever_in_scope as (

    select distinct
        series_number,
        product_id,
        store_id,
        source
    from series
    where is_in_scope

),

series_plans as (

    select
        series_ever_in_scope.series_number,
        promotions.promotion_kind,
        promotions.starts_on,
        promotions.ends_on,
        promotions.known_on,
        cast(promotions.share as decimal(9, 6)) as share
    from series_ever_in_scope
    inner join promotions
        on
            series_ever_in_scope.source = promotions.source
            and series_ever_in_scope.product_id = promotions.product_id
            and series_ever_in_scope.store_id
            = coalesce(promotions.store_id, series_ever_in_scope.store_id)

),

combined_plans as (

    select
        series_number,
        starts_on,
        ends_on,
        known_on,
        max(share) as share,
        max(case when promotion_kind = 'display' then share else 0 end) as display_share,
        max(case when promotion_kind = 'mailer' then share else 0 end) as mailer_share
    from series_plans
    group by series_number, starts_on, ends_on, known_on

),

planned_days as (

    {{ days_between(
        'combined_plans',
        ['series_number', 'known_on', 'share', 'display_share', 'mailer_share'],
        'starts_on', 'ends_on', 'day_on'
    ) }}

),

planned_days_by_known_day as (

    select
        series_number,
        day_on,
        known_on,
        max(share) as share,
        max(display_share) as display_share,
        max(mailer_share) as mailer_share
    from planned_days
    group by series_number, day_on, known_on

),

states as (

    select
        series_number,
        day_on,
        known_on as known_from,
        lead(known_on) over later as next_known_on,
        max(share) over up_to_now as share,
        max(display_share) over up_to_now as display_share,
        max(mailer_share) over up_to_now as mailer_share
    from planned_days_by_known_day
    window
        later as (partition by series_number, day_on order by known_on),
        up_to_now as (
            partition by series_number, day_on
            order by known_on
            rows between unbounded preceding and current row
        )

),

planned_promotions_as_known as (

    select
        ---------- ids
        series_number,

        ---------- numerics
        share,
        display_share,
        mailer_share,

        ---------- dates
        day_on,
        known_from,
        coalesce(next_known_on, date '9999-12-31') as known_until
    from states

)

select * from planned_promotions_as_known

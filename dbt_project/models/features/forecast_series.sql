{{ by_origin() }}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

sales as (

    select * from {{ ref('sales_as_known') }}

),

sold_weeks as (

    select * from {{ ref('sold_weeks_as_known') }}

),

declared_sources as (

    select * from {{ ref('declared_sources') }}

),

first_days as (

    select
        source,
        known_from,
        min(sold_on) as first_sold_on
    from sales
    group by source, known_from

),

weeks_known as (

    -- weeks that are over at the cutoff, from the week of the source's first known day
    select
        origins.cutoff_on,
        declared_sources.source,
        declared_sources.min_weeks_sold_share,
        floor(
            {{ feature_days_between(
                feature_grid_epoch('min(declared_sources.origin_weekday)'), 'origins.cutoff_on'
            ) }} / 7.0
        ) - {{ feature_week(
            'min(first_days.first_sold_on)',
            feature_grid_epoch('min(declared_sources.origin_weekday)')
        ) }} + 1 as weeks_known
    from origins
    inner join first_days on origins.cutoff_on >= first_days.known_from
    inner join declared_sources on first_days.source = declared_sources.source
    group by origins.cutoff_on, declared_sources.source, declared_sources.min_weeks_sold_share

),

known_series as (

    select
        weeks_known.cutoff_on,
        sold_weeks.product_id,
        sold_weeks.store_id,
        sold_weeks.source,
        sold_weeks.sold_weeks,
        cast(weeks_known.weeks_known as integer) as weeks_known,
        case
            when {{ feature_is_excluded('sold_weeks.source', 'sold_weeks.product_id') }}
                then 'excluded_product'
            when
                sold_weeks.sold_weeks = 0
                or sold_weeks.sold_weeks
                < weeks_known.min_weeks_sold_share * weeks_known.weeks_known
                then 'sold_in_too_few_weeks'
        end as left_out_reason
    from sold_weeks
    inner join weeks_known
        on
            sold_weeks.source = weeks_known.source
            and {{ feature_was_known('sold_weeks', 'weeks_known.cutoff_on') }}

),

numbered_series as (

    -- features of 100 origins join several times as fast on a number as on two texts
    select
        product_id,
        store_id,
        row_number() over (order by product_id, store_id) as series_number
    from known_series
    where left_out_reason is null
    group by product_id, store_id

),

forecast_series as (

    select
        ---------- ids
        known_series.product_id,
        known_series.store_id,
        known_series.source,

        ---------- text
        known_series.left_out_reason,

        ---------- numerics
        cast(
            case when known_series.left_out_reason is null then numbered_series.series_number end
            as integer
        ) as series_number,
        known_series.sold_weeks,
        known_series.weeks_known,

        ---------- booleans
        known_series.left_out_reason is null as is_in_scope,

        ---------- dates
        known_series.cutoff_on
    from known_series
    left join numbered_series
        on
            known_series.product_id = numbered_series.product_id
            and known_series.store_id = numbered_series.store_id

)

select * from forecast_series

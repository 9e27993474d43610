{{ by_origin() }}

with sold_series as (

    select * from {{ ref('sold_series') }}

),

listed_series as (

    select * from {{ ref('listed_series') }}

),

known_series as (

    select
        cutoff_on,
        product_id,
        store_id,
        source,
        left_out_reason,
        sold_weeks,
        weeks_known,
        is_new
    from sold_series

    union all

    select
        cutoff_on,
        product_id,
        store_id,
        source,
        cast(null as varchar) as left_out_reason,
        0 as sold_weeks,
        0 as weeks_known,
        true as is_new
    from listed_series

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
        known_series.is_new,

        ---------- dates
        known_series.cutoff_on
    from known_series
    left join numbered_series
        on
            known_series.product_id = numbered_series.product_id
            and known_series.store_id = numbered_series.store_id

)

select * from forecast_series

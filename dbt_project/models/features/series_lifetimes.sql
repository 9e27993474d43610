{% set windows = feature_windows() %}

with known_sales as (

    select * from {{ ref('series_sales') }}

),

open_days as (

    select * from {{ ref('feat_open_days') }}

),

lifetimes as (

    select
        cutoff_on,
        series_number,
        store_id,
        min(sold_on) as first_sold_on,
        max(sold_on) as last_sold_on
    from known_sales
    group by cutoff_on, series_number, store_id

),

series_lifetimes as (

    -- The first open day of a window tells how many there are in it. A window starts where the
    -- series was first sold, if that is inside.
    select
        ---------- ids
        lifetimes.series_number,
        lifetimes.store_id,

        ---------- numerics
        {%- for window in windows %}
        coalesce(max(
            case
                when open_days.day_on > lifetimes.cutoff_on - {{ window }} then open_days.open_days
            end
        ), 0) as open_days_{{ window }},
        {%- endfor %}

        ---------- dates
        lifetimes.cutoff_on,
        lifetimes.first_sold_on,
        lifetimes.last_sold_on
    from lifetimes
    inner join open_days
        on
            lifetimes.cutoff_on = open_days.cutoff_on
            and lifetimes.store_id = open_days.store_id
            and (
                {%- for window in windows %}
                {{ 'or ' if not loop.first -}}
                open_days.day_on = greatest(
                    lifetimes.first_sold_on, lifetimes.cutoff_on - {{ window - 1 }}
                )
                {%- endfor %}
            )
    group by
        lifetimes.series_number,
        lifetimes.store_id,
        lifetimes.cutoff_on,
        lifetimes.first_sold_on,
        lifetimes.last_sold_on

)

select * from series_lifetimes

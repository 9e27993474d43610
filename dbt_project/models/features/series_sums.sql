{% set windows = feature_windows() %}

with known_sales as (

    select * from {{ ref('series_sales') }}

),

open_days as (

    select * from {{ ref('feat_open_days') }}

),

observed as (

    -- what was sold while the store was known to be open
    select
        known_sales.cutoff_on,
        known_sales.series_number,
        known_sales.units,
        known_sales.sold_revenue,
        known_sales.priced_units,
        open_days.open_days,
        {{ feature_days_between('known_sales.sold_on', 'known_sales.cutoff_on') }} as days_ago,
        lag(known_sales.units) over earlier as previous_units,
        lag(open_days.open_days) over earlier as previous_open_days
    from known_sales
    inner join open_days
        on
            known_sales.cutoff_on = open_days.cutoff_on
            and known_sales.store_id = open_days.store_id
            and known_sales.sold_on = open_days.day_on
    where
        open_days.is_open
        and known_sales.cutoff_on < open_days.day_on + {{ windows | last }}
    window
        earlier as (
            partition by known_sales.cutoff_on, known_sales.series_number
            order by known_sales.sold_on
        )

),

series_sums as (

    select
        cutoff_on,
        series_number,
        case
            {%- for window in windows[:-1] %}
            when days_ago < {{ window }} then {{ window }}
            {%- endfor %}
            else {{ windows | last }}
        end as days,
        count(*) as sold_days,
        sum(units) as units,
        sum(units * units) as units_squared,
        sum(case when previous_open_days = open_days + 1 then units * previous_units end)
            as units_times_previous,
        max(open_days) as farthest_open_days,
        max_by(units, open_days) as farthest_units,
        sum(case when open_days = 1 then units end) as last_units,
        sum(priced_units) as priced_units,
        sum(sold_revenue) as sold_revenue
    from observed
    group by 1, 2, 3

)

select * from series_sums

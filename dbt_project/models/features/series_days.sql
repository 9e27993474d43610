{#- How far back of a cutoff features look: the same days in the two years before. -#}
{% set days_back = 800 %}

with series_editions as (

    select * from {{ ref('series_editions') }}

),

sales as (

    select * from {{ ref('sales_as_known') }}

),

open_days as (

    select * from {{ ref('open_days') }}

),

planned_promotions as (

    select * from {{ ref('planned_promotions_as_known') }}

),

special_days as (

    select * from {{ ref('special_days') }}

),

editions as (

    select distinct
        edition_number,
        series_number,
        product_id,
        store_id,
        first_cutoff_on,
        last_cutoff_on
    from series_editions

),

known_sales as (

    select
        editions.edition_number,
        editions.first_cutoff_on - {{ days_back }} as first_needed_on,
        sales.sold_on,
        sales.units,
        sales.sold_revenue,
        sales.priced_units
    from editions
    inner join sales
        on
            editions.product_id = sales.product_id
            and editions.store_id = sales.store_id
            and editions.last_cutoff_on >= sales.sold_on
            and {{ feature_was_known('sales', 'editions.last_cutoff_on') }}
    where sales.units > 0

),

lifetimes as (

    select
        edition_number,
        min(sold_on) as first_sold_on,
        greatest(min(sold_on), min(first_needed_on)) as first_day,
        max(case when sold_on < first_needed_on then sold_on end) as last_sold_before
    from known_sales
    group by edition_number

),

spans as (

    select
        editions.*,
        lifetimes.first_sold_on,
        lifetimes.last_sold_before,
        lifetimes.first_day
    from editions
    inner join lifetimes on editions.edition_number = lifetimes.edition_number

),

days as (

    {{ days_between(
        'spans',
        [
            'edition_number', 'series_number', 'store_id', 'last_cutoff_on', 'first_sold_on',
            'last_sold_before',
        ],
        'first_day', 'last_cutoff_on', 'day_on'
    ) }}

),

observed as (

    -- a day counts when the store was known to be open, and without a sale it counts as 0
    select
        days.edition_number,
        days.first_sold_on,
        days.last_sold_before,
        days.day_on,
        {{ feature_weekday('days.day_on') }} as weekday,
        case when known_sales.units is not null then days.day_on end as sold_on,
        cast(open_days.day_on is not null as integer) as open_days,
        cast(open_days.day_on is not null and known_sales.units is not null as integer)
            as sold_days,
        case when open_days.day_on is not null then coalesce(known_sales.units, 0) end as units,
        case when open_days.day_on is not null then known_sales.priced_units end as priced_units,
        case when open_days.day_on is not null then known_sales.sold_revenue end as sold_revenue,
        case when open_days.day_on is not null then planned_promotions.share end as promoted_share,
        case
            when open_days.day_on is not null
                then cast(ln(known_sales.units) as decimal(18, 8))
        end as log_units,
        special_days.day_on is not null as is_special,
        coalesce(planned_promotions.share, 0) >= 0.5 as is_promoted
    from days
    left join open_days
        on
            days.store_id = open_days.store_id
            and days.day_on = open_days.day_on
            and days.last_cutoff_on >= open_days.known_on
            and days.last_cutoff_on < open_days.known_until
    left join known_sales
        on
            days.edition_number = known_sales.edition_number
            and days.day_on = known_sales.sold_on
    left join planned_promotions
        on
            days.series_number = planned_promotions.series_number
            and days.day_on = planned_promotions.day_on
            and {{ feature_was_known('planned_promotions', 'days.last_cutoff_on') }}
    left join special_days
        on
            days.store_id = special_days.store_id
            and days.day_on = special_days.day_on
            and days.last_cutoff_on >= special_days.known_on

),

changed as (

    select
        *,
        units - last_value(units ignore nulls) over (
            partition by edition_number
            order by day_on
            rows between unbounded preceding and 1 preceding
        ) as unit_change
    from observed

),

series_days as (

    select
        ---------- ids
        edition_number,

        ---------- numerics
        weekday,
        log_units,
        sum(open_days) over so_far as open_days,
        sum(sold_days) over so_far as sold_days,
        sum(units) over so_far as units,
        last_value(units ignore nulls) over so_far as last_units,
        sum(units * units) over so_far as units_squared,
        sum(unit_change * unit_change) over so_far as squared_changes,
        first_value(unit_change ignore nulls) over (
            partition by edition_number
            order by day_on
            rows between 1 following and unbounded following
        ) as next_unit_change,
        sum(priced_units) over so_far as priced_units,
        sum(sold_revenue) over so_far as sold_revenue,
        sum(promoted_share) over so_far as promoted_share,
        sum(units * promoted_share) over so_far as promoted_units,
        sum(open_days) over same_weekday as weekday_open_days,
        sum(units) over same_weekday as weekday_units,
        last_value(units ignore nulls) over same_weekday as weekday_last_units,
        {%- for kind, condition in [
            ('promoted', 'is_promoted and not is_special'),
            ('unpromoted', 'not is_promoted and not is_special'),
        ] %}
        sum(case when {{ condition }} and log_units is not null then 1 else 0 end) over same_weekday
            as {{ kind }}_log_days,
        sum(case when {{ condition }} then coalesce(log_units, 0) else 0 end)
            over same_weekday as {{ kind }}_log_units,
        {%- endfor %}

        ---------- booleans
        is_promoted,
        is_special,

        ---------- dates
        day_on,
        first_sold_on,
        coalesce(max(sold_on) over so_far, last_sold_before) as last_sold_on
    from changed
    window
        so_far as (
            partition by edition_number
            order by day_on
            rows between unbounded preceding and current row
        ),
        same_weekday as (
            partition by edition_number, weekday
            order by day_on
            rows between unbounded preceding and current row
        )

)

select * from series_days

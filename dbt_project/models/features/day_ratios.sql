with origins as (

    select * from {{ ref('origins_to_build') }}

),

series as (

    select * from {{ ref('forecast_series') }}

),

sales as (

    select * from {{ ref('sales_as_known') }}

),

open_days as (

    select * from {{ ref('open_days') }}

),

stores as (

    select * from {{ ref('store_places') }}

),

situations as (

    select * from {{ ref('day_situations') }}

),

last_cutoff as (

    -- empty when there is nothing to build
    select max(cutoff_on) as cutoff_on
    from origins
    having count(*) > 0

),

settled_sales as (

    select
        stores.source,
        stores.region,
        sales.store_id,
        sales.product_id,
        sales.sold_on as day_on,
        cast(sales.units as double) as units
    from sales
    inner join stores on sales.store_id = stores.store_id
    inner join last_cutoff
        on last_cutoff.cutoff_on >= sales.sold_on + {{ feature_settling_days() }}
    where
        {{ feature_was_known('sales', 'sales.sold_on + ' ~ feature_settling_days()) }}
        and sales.units > 0
        and not {{ feature_is_excluded('sales.source', 'sales.product_id') }}

),

settled_days as (

    -- a store that sold nothing at all counts as closed
    select distinct
        settled_sales.source,
        settled_sales.region,
        settled_sales.store_id,
        settled_sales.day_on
    from settled_sales
    inner join open_days
        on
            settled_sales.store_id = open_days.store_id
            and settled_sales.day_on = open_days.day_on
            and settled_sales.day_on + {{ feature_settling_days() }} >= open_days.known_on
            and settled_sales.day_on + {{ feature_settling_days() }} < open_days.known_until

),

open_sales as (

    select settled_sales.*
    from settled_sales
    inner join settled_days
        on
            settled_sales.store_id = settled_days.store_id
            and settled_sales.day_on = settled_days.day_on

),

series_in_scope as (

    select distinct
        product_id,
        store_id
    from series
    where is_in_scope

),

sold as (

    select
        'series' as level,
        'store' as place_kind,
        open_sales.product_id,
        open_sales.store_id as place,
        open_sales.day_on,
        open_sales.units
    from open_sales
    inner join series_in_scope
        on
            open_sales.product_id = series_in_scope.product_id
            and open_sales.store_id = series_in_scope.store_id
    {%- for level in feature_levels()[1:] %}
    union all
    select
        '{{ level.name }}' as level,
        '{{ level.place }}' as place_kind,
        {{ 'product_id' if level.by_product else "''" }} as product_id,
        {{ 'store_id' if level.place == 'store' else level.place }} as place,
        day_on,
        sum(units) as units
    from open_sales
    group by all
    {%- endfor %}

),

open_places as (

    select distinct
        'store' as place_kind,
        store_id as place,
        day_on
    from settled_days
    union all
    select distinct
        'region' as place_kind,
        region as place,
        day_on
    from settled_days
    union all
    select distinct
        'source' as place_kind,
        source as place,
        day_on
    from settled_days

),

spans as (

    select
        sold.level,
        sold.place_kind,
        sold.product_id,
        sold.place,
        min(sold.day_on) as first_day,
        min(last_cutoff.cutoff_on) - {{ feature_settling_days() }} as last_day
    from sold
    cross join last_cutoff
    group by sold.level, sold.place_kind, sold.product_id, sold.place

),

days as (

    {{ days_between(
        'spans', ['level', 'place_kind', 'product_id', 'place'], 'first_day', 'last_day', 'day_on'
    ) }}

),

dense as (

    select
        days.*,
        case when open_places.day_on is not null then coalesce(sold.units, 0) end as units,
        coalesce(situations.is_near_event, false) as is_near_event,
        situations.event_name,
        situations.event_offset,
        situations.frequent_events
    from days
    left join open_places
        on
            days.place_kind = open_places.place_kind
            and days.place = open_places.place
            and days.day_on = open_places.day_on
    left join sold
        on
            days.level = sold.level
            and days.product_id = sold.product_id
            and days.place = sold.place
            and days.day_on = sold.day_on
    left join situations
        on
            days.place_kind = situations.place_kind
            and days.place = situations.place
            and days.day_on = situations.day_on
            and not situations.is_ahead

),

usual as (

    select
        *,
        avg(case when not is_near_event then units end) over same_weekdays as usual_units,
        count(case when not is_near_event then units end) over same_weekdays as usual_days,
        cast(avg(units) over week_around as float) as week_units,
        cast(avg(units) over last_four_weeks as float) as month_units
    from dense
    window
        same_weekdays as (
            partition by level, product_id, place, {{ feature_weekday('day_on') }}
            order by day_on
            rows between 4 preceding and 4 following exclude current row
        ),
        week_around as (
            partition by level, product_id, place
            order by day_on
            rows between 3 preceding and 3 following
        ),
        last_four_weeks as (
            partition by level, product_id, place
            order by day_on
            rows between 27 preceding and current row
        )

),

day_ratios as (

    select
        level,
        place_kind,
        product_id,
        place,
        units,
        case
            when usual_days >= 3 and usual_units > 0 and units is not null then usual_units
        end as usual_units,
        week_units,
        month_units,
        event_name,
        event_offset,
        frequent_events,
        is_near_event,
        day_on
    from usual

)

select * from day_ratios

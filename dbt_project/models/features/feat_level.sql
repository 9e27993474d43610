with origins as (

    select * from {{ ref('origins_to_build') }}

),

series as (

    select * from {{ ref('series_to_build') }}

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

days as (

    select * from {{ ref('level_days') }}

),

situations as (

    select * from {{ ref('feat_situation') }}

),

recent_sales as (

    select
        origins.cutoff_on,
        stores.source,
        stores.region,
        sales.store_id,
        sales.product_id,
        sales.sold_on as day_on,
        cast(sales.units as double) as units
    from sales
    inner join stores on sales.store_id = stores.store_id
    inner join origins
        on
            origins.cutoff_on between sales.sold_on and sales.sold_on + 27
            and {{ feature_was_known('sales', 'origins.cutoff_on') }}
    inner join open_days
        on
            sales.store_id = open_days.store_id
            and sales.sold_on = open_days.day_on
            and origins.cutoff_on >= open_days.known_on
            and origins.cutoff_on < open_days.known_until
    where
        sales.units > 0
        and not {{ feature_is_excluded('sales.source', 'sales.product_id') }}

),

open_places as (

    {% for place, column in [('store', 'store_id'), ('region', 'region'), ('source', 'source')] -%}
    select distinct
        cutoff_on,
        '{{ place }}' as place_kind,
        {{ column }} as place,
        day_on
    from recent_sales
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

sold as (

    select
        recent_sales.cutoff_on,
        'series' as level,
        recent_sales.product_id,
        recent_sales.store_id as place,
        recent_sales.day_on,
        recent_sales.units
    from recent_sales
    inner join series
        on
            recent_sales.cutoff_on = series.cutoff_on
            and recent_sales.product_id = series.product_id
            and recent_sales.store_id = series.store_id
    where series.is_in_scope
    {%- for level in feature_levels()[1:] %}
    union all
    select
        cutoff_on,
        '{{ level.name }}' as level,
        {{ 'product_id' if level.by_product else "''" }} as product_id,
        {{ 'store_id' if level.place == 'store' else level.place }} as place,
        day_on,
        sum(units) as units
    from recent_sales
    group by all
    {%- endfor %}

),

members as (

    select distinct
        level,
        place_kind,
        product_id,
        place
    from days

),

recent_days as (

    select
        members.level,
        members.product_id,
        members.place,
        open_places.cutoff_on,
        open_places.cutoff_on - open_places.day_on as days_ago,
        coalesce(sold.units, 0) as units,
        situations.calendar_factor
    from members
    inner join open_places
        on
            members.place_kind = open_places.place_kind
            and members.place = open_places.place
    left join sold
        on
            members.level = sold.level
            and members.product_id = sold.product_id
            and members.place = sold.place
            and open_places.cutoff_on = sold.cutoff_on
            and open_places.day_on = sold.day_on
    left join situations
        on
            members.level = situations.level
            and members.product_id = situations.product_id
            and members.place = situations.place
            and open_places.day_on = situations.target_on

),

recent_levels as (

    select
        level,
        product_id,
        place,
        cutoff_on,
        avg(units) as units_28,
        {%- for window in [7, 14, 28] %}
        sum(case when days_ago < {{ window }} and calendar_factor is not null then units end)
        / nullif(sum(case when days_ago < {{ window }} then calendar_factor end), 0) as free_units_{{ window }},
        {%- endfor %}
    from recent_days
    group by level, product_id, place, cutoff_on

),

last_years as (

    select
        days.level,
        days.product_id,
        days.place,
        {%- for year in [1, 2, 3] %}
        max(case when days.day_on = origins.cutoff_on - {{ 364 * year }} then days.month_units end)
            as month_units_{{ year }},
        {%- endfor %}
        origins.cutoff_on
    from origins
    inner join days
        on
            days.day_on in (
                origins.cutoff_on - 364, origins.cutoff_on - 728, origins.cutoff_on - 1092
            )
    group by days.level, days.product_id, days.place, origins.cutoff_on

),

feat_level as (

    select
        recent_levels.*,
        last_years.month_units_1,
        last_years.month_units_2,
        last_years.month_units_3
    from recent_levels
    left join last_years using (level, product_id, place, cutoff_on)

)

select * from feat_level

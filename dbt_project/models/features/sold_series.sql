with origins as (

    select * from {{ ref('origins_to_build') }}

),

sales as (

    select * from {{ ref('sales_as_known') }}

),

first_sales as (

    select * from {{ ref('first_sales_as_known') }}

),

sold_weeks as (

    select * from {{ ref('sold_weeks_as_known') }}

),

declared_sources as (

    select * from {{ ref('declared_sources') }}

),

grid as (

    select {{ feature_grid_epoch('min(origin_weekday)') }} as starts_on
    from declared_sources

),

first_days as (

    select
        source,
        known_from,
        min(sold_on) as first_sold_on
    from sales
    group by source, known_from

),

source_weeks as (

    -- weeks that are over at the cutoff, from the week of the source's first known day
    select
        origins.cutoff_on,
        declared_sources.source,
        declared_sources.min_weeks_sold_share,
        declared_sources.new_weeks,
        {{ feature_week('min(first_days.first_sold_on)', 'min(grid.starts_on)') }} as first_week,
        cast(floor(
            {{ feature_days_between('min(grid.starts_on)', 'origins.cutoff_on') }} / 7.0
        ) as integer) as last_week
    from origins
    inner join first_days on origins.cutoff_on >= first_days.known_from
    inner join declared_sources on first_days.source = declared_sources.source
    cross join grid
    group by
        origins.cutoff_on,
        declared_sources.source,
        declared_sources.min_weeks_sold_share,
        declared_sources.new_weeks

),

first_weeks as (

    select
        origins.cutoff_on,
        first_sales.product_id,
        first_sales.store_id,
        {{ feature_week('min(first_sales.first_sold_on)', 'min(grid.starts_on)') }} as own_week
    from origins
    inner join first_sales on {{ feature_was_known('first_sales', 'origins.cutoff_on') }}
    cross join grid
    group by origins.cutoff_on, first_sales.product_id, first_sales.store_id

),

beginnings as (

    select
        *,
        min(own_week) over (partition by cutoff_on, product_id) as product_week,
        min(own_week) over (partition by cutoff_on, store_id) as store_week
    from first_weeks

),

counted as (

    -- A store or product that came later than the source counts from its own first week; in a
    -- store that a new product reaches within the weeks that it is new, from the week it did.
    select
        source_weeks.cutoff_on,
        sold_weeks.product_id,
        sold_weeks.store_id,
        sold_weeks.source,
        sold_weeks.sold_weeks,
        source_weeks.min_weeks_sold_share,
        source_weeks.new_weeks,
        source_weeks.first_week,
        source_weeks.last_week,
        greatest(
            source_weeks.first_week,
            case
                when
                    source_weeks.new_weeks > 0
                    and beginnings.store_week > source_weeks.first_week + source_weeks.new_weeks
                    then beginnings.store_week
                else source_weeks.first_week
            end,
            case
                when
                    source_weeks.new_weeks = 0
                    or beginnings.product_week <= source_weeks.first_week + source_weeks.new_weeks
                    then source_weeks.first_week
                when beginnings.own_week <= beginnings.product_week + source_weeks.new_weeks
                    then beginnings.own_week
                else beginnings.product_week
            end
        ) as begun_week
    from sold_weeks
    inner join source_weeks
        on
            sold_weeks.source = source_weeks.source
            and {{ feature_was_known('sold_weeks', 'source_weeks.cutoff_on') }}
    left join beginnings
        on
            source_weeks.cutoff_on = beginnings.cutoff_on
            and sold_weeks.product_id = beginnings.product_id
            and sold_weeks.store_id = beginnings.store_id

),

sold_series as (

    select
        ---------- ids
        product_id,
        store_id,
        source,

        ---------- text
        case
            when {{ feature_is_excluded('source', 'product_id') }} then 'excluded_product'
            when
                sold_weeks = 0
                or sold_weeks < min_weeks_sold_share * (last_week - begun_week + 1)
                then 'sold_in_too_few_weeks'
        end as left_out_reason,

        ---------- numerics
        sold_weeks,
        cast(last_week - begun_week + 1 as integer) as weeks_known,

        ---------- booleans
        begun_week > first_week and last_week - begun_week < new_weeks as is_new,

        ---------- dates
        cutoff_on
    from counted

)

select * from sold_series

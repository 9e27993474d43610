with series as (

    select * from {{ ref('series_to_build') }}

),

origins as (

    select * from {{ ref('origins_to_build') }}

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

series_in_scope as (

    select
        cutoff_on,
        series_number,
        product_id,
        store_id
    from series
    where is_in_scope

),

series_ever_in_scope as (

    select distinct
        series_number,
        product_id,
        store_id
    from series_in_scope

),

steps as (

    select
        cutoff_on,
        lag(cutoff_on) over (order by cutoff_on) as previous_cutoff_on
    from origins

),

learnt_of_stores as (

    select
        store_id,
        day_on,
        known_on as learnt_on
    from open_days
    where known_on > day_on
    union all
    select
        store_id,
        day_on,
        known_until as learnt_on
    from open_days
    where known_until < date '9999-12-31'
    union all
    select
        store_id,
        day_on,
        known_on as learnt_on
    from special_days
    where known_on > day_on

),

learnt_late as (

    -- what was learnt of a day after it was over
    select
        series_ever_in_scope.series_number,
        learnt_of_stores.day_on,
        learnt_of_stores.learnt_on
    from learnt_of_stores
    inner join series_ever_in_scope on learnt_of_stores.store_id = series_ever_in_scope.store_id
    union all
    select
        series_ever_in_scope.series_number,
        sales.sold_on as day_on,
        sales.known_from as learnt_on
    from sales
    inner join series_ever_in_scope
        on
            sales.product_id = series_ever_in_scope.product_id
            and sales.store_id = series_ever_in_scope.store_id
    where sales.known_from > sales.sold_on
    union all
    select
        series_number,
        day_on,
        known_from as learnt_on
    from planned_promotions
    where known_from > day_on

),

changed as (

    -- a cutoff that sees days otherwise than the cutoff before it did
    select distinct
        learnt_late.series_number,
        steps.cutoff_on
    from learnt_late
    inner join steps
        on
            learnt_late.learnt_on > steps.previous_cutoff_on
            and learnt_late.learnt_on <= steps.cutoff_on
    where learnt_late.day_on <= steps.previous_cutoff_on

),

counted as (

    select
        series_ever_in_scope.series_number,
        origins.cutoff_on,
        count(changed.cutoff_on) over (
            partition by series_ever_in_scope.series_number
            order by origins.cutoff_on
        ) as changes
    from series_ever_in_scope
    cross join origins
    left join changed
        on
            series_ever_in_scope.series_number = changed.series_number
            and origins.cutoff_on = changed.cutoff_on

),

in_scope as (

    select
        series_in_scope.*,
        counted.changes
    from series_in_scope
    inner join counted
        on
            series_in_scope.series_number = counted.series_number
            and series_in_scope.cutoff_on = counted.cutoff_on

),

editions as (

    select
        series_number,
        changes,
        min(cutoff_on) as first_cutoff_on,
        max(cutoff_on) as last_cutoff_on,
        row_number() over (order by series_number, changes) as edition_number
    from in_scope
    group by series_number, changes

),

series_editions as (

    select
        ---------- ids
        in_scope.series_number,
        cast(editions.edition_number as integer) as edition_number,
        in_scope.product_id,
        in_scope.store_id,

        ---------- dates
        in_scope.cutoff_on,
        editions.first_cutoff_on,
        editions.last_cutoff_on
    from in_scope
    inner join editions
        on
            in_scope.series_number = editions.series_number
            and in_scope.changes = editions.changes

)

select * from series_editions

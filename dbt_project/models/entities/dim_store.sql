with stores_declared as (

    select * from {{ ref('stores_declared') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

sold as (

    select distinct
        source,
        store_id
    from {{ ref('sales_events_accepted') }}

),

all_stores as (

    select
        coalesce(stores_declared.store_id, sold.store_id) as store_id,
        coalesce(stores_declared.source, sold.source) as source,
        coalesce(
            stores_declared.store_name, stores_declared.store_id, sold.store_id
        ) as store_name,
        coalesce(stores_declared.region, 'unknown') as region,
        stores_declared.time_zone as own_time_zone,
        stores_declared.store_id is null as is_inferred
    from stores_declared
    full outer join sold
        on
            stores_declared.source = sold.source
            and stores_declared.store_id = sold.store_id

),

ranked as (

    -- a store that several sources know is one store: the declared row counts
    select
        all_stores.*,
        rules.country,
        coalesce(all_stores.own_time_zone, rules.time_zone) as time_zone,
        row_number() over (
            partition by all_stores.store_id
            order by all_stores.is_inferred, all_stores.source
        ) as position
    from all_stores
    inner join rules on all_stores.source = rules.source

),

stores as (

    select
        store_id,
        store_name,
        region,
        time_zone,
        country,
        source,
        is_inferred
    from ranked
    where position = 1

)

select * from stores

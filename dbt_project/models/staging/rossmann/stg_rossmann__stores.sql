with stores as (

    select * from {{ landed('rossmann', 'stores') }}

),

renamed as (

    select
        cast(Store as varchar) as store_id,
        'Store ' || Store as store_name,
        StoreType as region,
        cast(null as varchar) as time_zone,
        known_on
    from stores

)

select * from renamed

with stores as (

    select * from {{ landed('complete_journey', 'stores') }}

),

renamed as (

    select
        cast(store_id as varchar) as store_id,
        'Store ' || store_id as store_name,
        cast(null as varchar) as region,
        cast(null as varchar) as time_zone,
        known_on
    from stores

)

select * from renamed

with stores as (

    select * from {{ landed('m5', 'stores') }}

),

renamed as (

    select
        store_id,
        store_id as store_name,
        state_id as region,
        cast(null as varchar) as time_zone,
        known_on
    from stores

)

select * from renamed

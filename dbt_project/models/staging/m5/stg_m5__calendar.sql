with calendar as (

    select * from {{ landed('m5', 'calendar') }}

),

renamed as (

    select
        store_id,
        date as day_on,
        cast(null as boolean) as is_open,
        event_name,
        known_on
    from calendar

)

select * from renamed

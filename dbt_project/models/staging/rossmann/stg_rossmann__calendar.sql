with calendar as (

    select * from {{ landed('rossmann', 'calendar') }}

),

renamed as (

    select
        cast(Store as varchar) as store_id,
        Date as day_on,
        cast(Open as integer) = 1 as is_open,
        event_name,
        known_on
    from calendar

)

select * from renamed

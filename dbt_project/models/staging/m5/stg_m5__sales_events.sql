with totals as (

    select * from {{ landed('m5', 'sales_events') }}

),

renamed as (

    select
        ---------- line
        {{ line_identity() }},

        ---------- ids
        cast(null as varchar) as event_id,
        dept_id as product_id,
        store_id,
        cast(null as varchar) as customer_id,

        ---------- text
        cast(null as varchar) as currency,

        ---------- numerics
        sales as quantity,
        cast(null as varchar) as unit_price,
        cast(null as varchar) as net_amount,

        ---------- booleans
        cast(null as boolean) as is_demand,

        ---------- timestamps
        date as sold_at
    from totals

)

select * from renamed

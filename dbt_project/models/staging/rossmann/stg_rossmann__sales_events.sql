with totals as (

    select * from {{ landed('rossmann', 'sales_events') }}

),

renamed as (

    select
        ---------- line
        {{ line_identity() }},

        ---------- ids
        cast(null as varchar) as event_id,
        'turnover' as product_id,
        Store as store_id,
        cast(null as varchar) as customer_id,

        ---------- text
        cast(null as varchar) as currency,

        ---------- numerics
        Sales as quantity,
        cast(null as varchar) as unit_price,
        cast(null as varchar) as net_amount,

        ---------- booleans
        cast(null as boolean) as is_demand,

        ---------- timestamps
        Date as sold_at
    from totals

)

select * from renamed

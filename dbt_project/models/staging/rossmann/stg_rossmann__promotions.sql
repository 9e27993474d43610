with spans as (

    select * from {{ landed('rossmann', 'promotions') }}

),

renamed as (

    select
        ---------- line
        {{ line_identity() }},

        ---------- ids
        'turnover' as product_id,
        cast(Store as varchar) as store_id,

        ---------- text
        'promotion' as promotion_kind,

        ---------- numerics
        1 as share,

        ---------- dates
        cast(starts_on as date) as starts_on,
        cast(ends_on as date) as ends_on
    from spans

)

select * from renamed
